/**
 * Does `work` with another umask, for what this process and its new children make meanwhile. It must not
 * wait for anything, as the umask is that of all threads.
 */
export function withUmask<T>(mask: number, work: () => T): T {
  const before = process.umask(mask);
  try {
    return work();
  } finally {
    process.umask(before);
  }
}

/** The same for what is this user's alone: who may write to a socket can connect to it. */
export function withPrivateUmask<T>(work: () => T): T {
  return withUmask(0o077, work);
}
