import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { makeNetworkNamespace, type NetworkNamespace } from './network-namespace.ts';
import { createRunner, type Runner } from './runs.ts';
import { openTerminal, type Terminal } from './terminal.ts';
import {
  createWorkspace,
  type Finished,
  ONE_CPU,
  type RunOptions,
  type Workspace,
} from './workspace.ts';

/**
 * A bridge with taps for two VMs, in its own network namespace, for tests of a server and its client. Requires
 * `canMakeNetworks`.
 */
export interface NetworkPair {
  home: Workspace;
  /** Runs rapido in the namespace. */
  rapido: Workspace['rapido'];
  /** Runs a shell script in the namespace. @returns its standard output */
  onHost: (script: string) => string;
  /** Runs `rapido run` in the namespace: `run(['--with', SERVER, CLIENT, '-x', SCRIPT])`. */
  run: Runner;
  /** Runs rapido on a terminal in the namespace. */
  terminal: (args: readonly string[], env?: Readonly<Record<string, string>>) => Terminal;
  /**
   * Cuts a server and boots it as VM 1, which other VMs reach as `rapido-server`. Waits until its autorun
   * scripts have succeeded. The server is stopped at the end of the test.
   * @param args of `rapido cut`
   */
  serve: (args: readonly string[], options?: RunOptions) => Promise<Server>;
}

/** A running server VM. */
export interface Server {
  /** Runs a script in it. The test fails if its exit status is not 0. @returns its standard output */
  exec: (script: string) => Promise<string>;
  /** Powers it off before the end of the test. */
  stop: () => Promise<Finished>;
}

/**
 * Call it in the body of a `describe`: the network exists for all its tests.
 * @param conf lines of rapido.conf, before its sections
 */
export function createNetworkPair(conf = ''): NetworkPair {
  const home = createWorkspace(afterAll, ONE_CPU);
  home.write('rapido.conf', `TAP_USER = root\n${conf}\n[vm1]\n[vm2]\n`);
  let space: NetworkNamespace | undefined;
  const inNamespace = (options: RunOptions = {}): RunOptions => ({
    ...options,
    prefix: [...(space?.prefix ?? []), ...(options.prefix ?? [])],
  });
  const rapido: NetworkPair['rapido'] = (args, options) => home.rapido(args, inNamespace(options));
  beforeAll(async () => {
    // An afterAll registered here would never run.
    let undo = (): void => {};
    space = makeNetworkNamespace((remove) => {
      undo = remove;
    });
    expect(await rapido(['setup-network'])).toMatchObject({ status: 0 });
    return () => undo();
  });
  const serve: NetworkPair['serve'] = async (args, options) => {
    expect(await rapido(['cut', ...args], options)).toMatchObject({ status: 0 });
    const stop = (): Promise<Finished> => rapido(['stop', '1'], options);
    onTestFinished(home.killVms);
    const booted = await rapido(['boot', '--detach'], options);
    expect(booted, booted.stderr).toMatchObject({ status: 0, stdout: '1\n' });
    const exec = async (script: string): Promise<string> => {
      const ran = await rapido(['exec', '1', '--', 'sh', '-c', script], options);
      expect(ran, ran.stderr).toMatchObject({ status: 0 });
      return ran.stdout;
    };
    return { exec, stop };
  };
  const terminal: NetworkPair['terminal'] = (args, env) =>
    openTerminal(home, args, env, space?.prefix);
  const onHost: NetworkPair['onHost'] = (script) => space?.run('sh', '-c', script) ?? '';
  return { home, rapido, onHost, run: createRunner({ ...home, rapido }), terminal, serve };
}
