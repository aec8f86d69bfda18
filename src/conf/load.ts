import { buildConf, type Conf } from './conf.ts';
import { findConfSource } from './find.ts';
import type { ConfKeyTable } from './key.ts';
import type { GivenValue } from './resolve.ts';

export interface LoadConfOptions {
  /** Argument of `--conf`. */
  confFile?: string | undefined;
  /** The checkout or installation directory: `${RAPIDO_DIR}`. It may contain rapido.conf. */
  rapidoDir: string;
  /** Keys that cuts define, if already known; see `withKeys`. */
  extraKeys?: ConfKeyTable;
  /** Values that take precedence over the environment. */
  given?: Readonly<Record<string, GivenValue>> | undefined;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

/**
 * Finds and reads rapido.conf, and makes the conf from it and the environment. The file is optional.
 * Unknown keys are in `conf.unknown`; pass the conf to `refuseUnknownKeys`.
 * @throws UsageError with all problems
 */
export function loadConf({
  confFile,
  rapidoDir,
  extraKeys = {},
  given,
  env = process.env,
  cwd = process.cwd(),
}: LoadConfOptions): Conf {
  const surroundings = { env, cwd, rapidoDir, given };
  return buildConf({ source: findConfSource(confFile, surroundings), surroundings, extraKeys });
}
