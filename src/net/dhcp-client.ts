/** The DHCP clients that guest/init supports. */
export type DhcpClient = (typeof DHCP_CLIENTS)[number];

/** In order of preference, small and fast clients first: dhclient has 4 MiB and is slow. */
export const DHCP_CLIENTS = ['udhcpc', 'busybox', 'dhcpcd', 'dhclient'] as const;
