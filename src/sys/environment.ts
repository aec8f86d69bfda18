/** Environment variables by name; one that is undefined is not set. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What a program that rapido runs for its own purposes gets of the user's environment: how to find programs and
 * their libraries, whose home it is, and where temporary files go. Anything else could change what the program
 * does or prints: XZ_OPT, POSIXLY_CORRECT and MKE2FS_CONFIG are read by programs that we run, BASH_ENV and
 * LD_PRELOAD run foreign code in all of them, and GIT_DIR, which git sets for hooks, names another repository.
 */
const TOOL_VARIABLES = [
  ...['PATH', 'LD_LIBRARY_PATH', 'HOME', 'USER', 'LOGNAME', 'XDG_CONFIG_HOME', 'TMPDIR'],
] as const;

/** Output that is parsed must not be translated, and names of files stay what they are. */
const TOOL_LOCALE = 'C.UTF-8';

/**
 * The environment of such a program, and nothing else.
 * @param env the user's
 * @param more names of further variables of the user's that this program may have
 */
export function toolEnvironment(env: Environment, more: readonly string[] = []): Environment {
  const passed = [...TOOL_VARIABLES, ...more].flatMap((name) =>
    env[name] === undefined ? [] : [[name, env[name]]],
  );
  return { ...Object.fromEntries(passed), LC_ALL: TOOL_LOCALE };
}
