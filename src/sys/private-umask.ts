/**
 * Does `work` while all that this process and its new children make is this user's alone: who may write
 * to a socket can connect to it. It must not wait for anything, as the umask is that of all threads.
 */
export function withPrivateUmask<T>(work: () => T): T {
  const umask = process.umask(0o077);
  try {
    return work();
  } finally {
    process.umask(umask);
  }
}
