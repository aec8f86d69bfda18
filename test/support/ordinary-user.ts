/** The uid of nobody on every Linux. */
const NOBODY = 65534;

/** Runs `work` without the privileges of root, if this process has them. */
export async function withoutRoot<T>(work: () => T | Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return work();
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}
