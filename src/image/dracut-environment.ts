/**
 * Variables of dracut (059 to 106) for directories of systemd, udev, D-Bus and kmod, which some of its modules
 * read. For each that is not a directory it asks pkg-config, a process each time: a sixth of a small image.
 * Not here: systemdutildir, at which dracut itself looks.
 */
const DIRECTORIES = [
  ...['dbus', 'dbusconfdir', 'dbusinterfaces', 'dbusinterfacesconfdir', 'dbusservices'],
  ...['dbusservicesconfdir', 'dbussession', 'dbussessionconfdir', 'dbussystem'],
  ...['dbussystemconfdir'],
  ...['dbussystemservices', 'dbussystemservicesconfdir', 'depmodd', 'depmodconfdir', 'environment'],
  ...['environmentconfdir', 'modulesload', 'modulesloadconfdir', 'sysctlconfdir', 'sysctld'],
  ...['systemdcatalog', 'systemdnetwork', 'systemdnetworkconfdir', 'systemdntpunits'],
  ...['systemdntpunitsconfdir', 'systemdportable', 'systemdportableconfdir'],
  ...['systemdsystemconfdir'],
  ...['systemdsystemunitdir', 'systemduser', 'systemduserconfdir', 'systemdutilconfdir'],
  ...['sysusers', 'sysusersconfdir', 'tmpfilesconfdir', 'tmpfilesdir'],
  ...['udevconfdir', 'udevdir', 'udevrulesconfdir', 'udevrulesdir'],
];

/** Standard directories only: dracut itself looks for the programs of an image where it is told to. */
const BASE = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/',
  LC_ALL: 'C',
} as const;

/**
 * All of dracut's environment. Nothing of the user's is in it: dracut and its modules take whatever variables of
 * theirs they find (DRACUT_LDD, DRACUT_INSTALL, dracutbasedir, libdirs, hostonly), bash heeds BASH_ENV and
 * BASH_XTRACEFD, and the layer that comes of it is kept. Where none of the modules reads the variables above, they
 * name anything that is a directory.
 * @param modules that dracut is asked for
 * @param extraArguments which may name more
 */
export function dracutEnvironment(
  modules: readonly string[],
  extraArguments: readonly string[],
): Record<string, string> {
  const isPlain = modules.every((name) => name === 'bash') && extraArguments.length === 0;
  return {
    ...BASE,
    ...(isPlain ? Object.fromEntries(DIRECTORIES.map((name) => [name, '/'])) : {}),
  };
}
