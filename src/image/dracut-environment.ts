/**
 * Variables of dracut (059 to 106) for directories of systemd, udev, D-Bus and kmod, which some of its modules
 * read. For each one that is not a directory, dracut runs pkg-config, which takes a sixth of the build time of a
 * small image. systemdutildir is not in the list, because dracut itself reads it.
 */
// biome-ignore format: a list of short words
const DIRECTORIES = [
  'dbus', 'dbusconfdir', 'dbusinterfaces', 'dbusinterfacesconfdir', 'dbusservices',
  'dbusservicesconfdir', 'dbussession', 'dbussessionconfdir', 'dbussystem',
  'dbussystemconfdir',
  'dbussystemservices', 'dbussystemservicesconfdir', 'depmodd', 'depmodconfdir', 'environment',
  'environmentconfdir', 'modulesload', 'modulesloadconfdir', 'sysctlconfdir', 'sysctld',
  'systemdcatalog', 'systemdnetwork', 'systemdnetworkconfdir', 'systemdntpunits',
  'systemdntpunitsconfdir', 'systemdportable', 'systemdportableconfdir',
  'systemdsystemconfdir',
  'systemdsystemunitdir', 'systemduser', 'systemduserconfdir', 'systemdutilconfdir',
  'sysusers', 'sysusersconfdir', 'tmpfilesconfdir', 'tmpfilesdir',
  'udevconfdir', 'udevdir', 'udevrulesconfdir', 'udevrulesdir',
];

/** PATH has only standard directories: dracut gets the programs of an image as absolute paths. */
const BASE = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/',
  LC_ALL: 'C',
} as const;

/**
 * The complete environment of dracut. It contains no variables of the user: dracut and its modules read any
 * of theirs that are set (DRACUT_LDD, DRACUT_INSTALL, dracutbasedir, libdirs, hostonly), bash reads BASH_ENV and
 * BASH_XTRACEFD, and the resulting layer is cached. If no module reads the variables above, they are set to `/`,
 * because any directory will do.
 * @param modules the requested dracut modules
 * @param extraArguments additional arguments, which may request more modules
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
