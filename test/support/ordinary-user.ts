/** uid of nobody on every Linux. */
const NOBODY = 65534;

/** Does `work` without root's power to read and write everything, if this process has it. */
export async function withoutRoot<T>(work: () => T | Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return work();
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}
