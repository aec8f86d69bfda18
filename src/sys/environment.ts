/** Environment variables by name; undefined: not set. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The variables that rapido passes to the tools it runs: search paths of programs and libraries, the user's home,
 * and the directory for temporary files. Others could change what a tool does or prints: tools read XZ_OPT,
 * POSIXLY_CORRECT and MKE2FS_CONFIG, BASH_ENV and LD_PRELOAD run foreign code in them, and GIT_DIR, which git sets
 * for hooks, names another repository.
 */
const TOOL_VARIABLES = [
  'PATH',
  'LD_LIBRARY_PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'XDG_CONFIG_HOME',
  'TMPDIR',
] as const;

/** Output that is parsed must not be translated, and names of files must stay UTF-8. */
const TOOL_LOCALE = 'C.UTF-8';

/**
 * @param env environment of the user
 * @param more names of further variables to pass
 * @returns the complete environment of a tool
 */
export function toolEnvironment(env: Environment, more: readonly string[] = []): Environment {
  const passed = [...TOOL_VARIABLES, ...more].flatMap((name) =>
    env[name] === undefined ? [] : [[name, env[name]]],
  );
  return { ...Object.fromEntries(passed), LC_ALL: TOOL_LOCALE };
}
