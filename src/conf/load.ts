import { buildConf, type Conf } from './conf.ts';
import { findConfSource } from './find.ts';
import type { ConfKeyTable } from './key.ts';

export interface LoadConfOptions {
  /** Argument of `--conf`. */
  confFile?: string | undefined;
  /** The checkout, or where rapido is installed: `${RAPIDO_DIR}`, and a place of rapido.conf. */
  rapidoDir: string;
  /** Keys that cuts add, where they are known already; see `withKeys`. */
  extraKeys?: ConfKeyTable;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

/**
 * Finds and reads rapido.conf, and makes the conf of it and the environment. No file at all is fine.
 * Keys that nobody knows are in `conf.unknown`: pass the conf on to `refuseUnknownKeys`.
 * @throws UsageError with everything that is wrong.
 */
export function loadConf({
  confFile,
  rapidoDir,
  extraKeys = {},
  env = process.env,
  cwd = process.cwd(),
}: LoadConfOptions): Conf {
  const surroundings = { env, cwd, rapidoDir };
  return buildConf({ source: findConfSource(confFile, surroundings), surroundings, extraKeys });
}
