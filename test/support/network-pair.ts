import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { makeNetworkNamespace, type NetworkNamespace } from './network-namespace.ts';
import { createRunner, type Runner } from './runs.ts';
import { openTerminal, type Terminal } from './terminal.ts';
import { createWorkspace, type Finished, type RunOptions, type Workspace } from './workspace.ts';

/**
 * A bridge with taps for two VMs, in a network namespace of its own: for tests of a server and its
 * client. Only where `canMakeNetworks`.
 */
export interface NetworkPair {
  home: Workspace;
  /** Runs rapido where the bridge is. */
  rapido: Workspace['rapido'];
  /** Runs a shell script there. @returns its stdout */
  onHost: (script: string) => string;
  /** `rapido run` there: `run(['--with', SERVER, CLIENT, '-x', SCRIPT])`. */
  run: Runner;
  /** rapido on a terminal, where the bridge is. */
  terminal: (args: readonly string[], env?: Readonly<Record<string, string>>) => Terminal;
  /**
   * Cuts a server, and boots it as VM 1, which every other VM knows as `rapido-server`. Its autorun
   * scripts have succeeded. It is stopped when the test is over.
   * @param args of `rapido cut`
   */
  serve: (args: readonly string[], options?: RunOptions) => Promise<Server>;
}

/** A VM that serves, while a test looks at it. */
export interface Server {
  /** Runs a script in it. @returns its stdout. The test fails where it ends with a status but 0. */
  exec: (script: string) => Promise<string>;
  /** Powers it off before the test is over. */
  stop: () => Promise<Finished>;
}

/**
 * For the body of a `describe`: the network is there for all tests of it.
 * @param conf lines of rapido.conf, before its sections
 */
export function createNetworkPair(conf = ''): NetworkPair {
  const home = createWorkspace(afterAll);
  home.write('rapido.conf', `TAP_USER = root\n${conf}\n[vm1]\n[vm2]\n`);
  let space: NetworkNamespace | undefined;
  const inNamespace = (options: RunOptions = {}): RunOptions => ({
    ...options,
    prefix: [...(space?.prefix ?? []), ...(options.prefix ?? [])],
  });
  const rapido: NetworkPair['rapido'] = (args, options) => home.rapido(args, inNamespace(options));
  beforeAll(async () => {
    // An afterAll that is called in here would never run.
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
    onTestFinished(async () => {
      await rapido(['stop', '--all'], options);
    });
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
