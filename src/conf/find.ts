import { statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { errorCode, UsageError } from '../errors.ts';
import { hintForUntrusted, readTrusted, trustOf, type Untrusted } from '../sys/trust.ts';
import { type Surroundings, xdgConfigHome } from './resolve.ts';

/** A conf file that was read. */
export interface ConfSource {
  /** Absolute. */
  path: string;
  /** The path in messages: relative if the file is in the current directory. */
  name: string;
  text: string;
}

interface Candidate {
  path: string;
  /** Set if the user named it, so that it must exist. */
  namedBy?: '--conf' | 'RAPIDO_CONF';
}

/**
 * Reads the first of: `--conf FILE`, `$RAPIDO_CONF`, `./rapido.conf`, `rapido.conf` in the
 * checkout, `rapido/rapido.conf` in the XDG configuration directory, `/etc/rapido.conf`.
 * @throws UsageError if a named file is missing, or if the file cannot be read or is not trusted
 * (`sys/trust.ts`). It must be trusted because it determines which programs run on the host and what QEMU opens.
 */
export function findConfSource(
  confFile: string | undefined,
  surroundings: Surroundings,
): ConfSource | undefined {
  for (const candidate of listCandidates(confFile, surroundings)) {
    const source = readCandidate(candidate, surroundings);
    if (source !== undefined) return source;
  }
  return undefined;
}

function listCandidates(confFile: string | undefined, surroundings: Surroundings): Candidate[] {
  const { cwd, env, rapidoDir } = surroundings;
  if (confFile !== undefined) return [{ path: resolveNamed(cwd, confFile), namedBy: '--conf' }];
  if (env.RAPIDO_CONF) {
    return [{ path: resolve(cwd, env.RAPIDO_CONF), namedBy: 'RAPIDO_CONF' }];
  }
  return [
    join(cwd, 'rapido.conf'),
    join(rapidoDir, 'rapido.conf'),
    userConfFile(surroundings),
    '/etc/rapido.conf',
  ].map((path) => ({ path }));
}

/** The user's own conf file, which need not exist. */
export function userConfFile(surroundings: Surroundings): string {
  return join(xdgConfigHome(surroundings), 'rapido', 'rapido.conf');
}

function resolveNamed(cwd: string, file: string): string {
  if (file === '') {
    throw new UsageError('--conf: the file name is empty', {
      hint: 'write --conf FILE, or omit --conf',
    });
  }
  return resolve(cwd, file);
}

function readCandidate(
  { path, namedBy }: Candidate,
  { cwd, env }: Surroundings,
): ConfSource | undefined {
  if (namedBy === undefined && !isThere(path)) return undefined;
  const name = nameFor(path, cwd);
  const named =
    namedBy === undefined
      ? ''
      : `, named by ${namedBy === '--conf' ? '--conf' : 'the environment variable RAPIDO_CONF'},`;
  const hint =
    namedBy === undefined
      ? 'fix it, or name another file with --conf'
      : `name a readable file, or ${namedBy === '--conf' ? 'omit --conf' : 'unset RAPIDO_CONF'}`;
  let bytes: Buffer | Untrusted;
  try {
    bytes = readTrusted(path, trustOf(env));
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    throw new UsageError(
      `conf file ${name}${named} ${REASONS[code] ?? `cannot be read (${code})`}`,
      {
        hint,
        cause: error,
      },
    );
  }
  if (!Buffer.isBuffer(bytes)) {
    throw new UsageError(`conf file ${name}${named} is not trusted: ${bytes.path} ${bytes.why}`, {
      hint: hintForUntrusted(dirname(path)),
    });
  }
  if (bytes.includes(0))
    throw new UsageError(`conf file ${name}${named} is not a text file`, { hint });
  return { path, name, text: bytes.toString('utf8') };
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EACCES: 'cannot be read by this user',
  EPERM: 'cannot be read by this user',
  EISDIR: 'is a directory',
};

/** A file in a directory that the user may not search counts as not existing. */
function isThere(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return false;
  }
}

function nameFor(path: string, cwd: string): string {
  return dirname(path) === cwd ? basename(path) : path;
}
