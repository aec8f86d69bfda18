/** The programs that guest/init can ask a DHCP server with. */
export type DhcpClient = (typeof DHCP_CLIENTS)[number];

/** Small and fast ones first: dhclient has 4 MiB, and takes its time. */
export const DHCP_CLIENTS = ['udhcpc', 'busybox', 'dhcpcd', 'dhclient'] as const;
