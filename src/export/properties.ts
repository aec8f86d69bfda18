import type { RunResult } from '../results/run-result.ts';

/** What ran, as names and values; what is unknown is left out. The names are the fields of result.json, or short. */
export function describeProperties(result: RunResult): Record<string, string> {
  const { id, verdict, cut, kernel, vm, host } = result;
  const values = {
    run: id,
    verdict,
    cut,
    rapido: result.rapido,
    'kernel.release': kernel?.release,
    'kernel.image': kernel?.image,
    'kernel.git': kernel?.git,
    'kernel.commit': kernel?.commit,
    'kernel.branch': kernel?.branch,
    accelerator: vm?.accelerator,
    cpus: vm?.cpus,
    memory: vm?.memory,
    host: host?.name,
  };
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]],
    ),
  );
}
