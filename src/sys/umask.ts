/**
 * Runs `work` with another umask, which applies to this process and to children it starts. `work` must be
 * synchronous, because all threads share the umask.
 */
export function withUmask<T>(mask: number, work: () => T): T {
  const before = process.umask(mask);
  try {
    return work();
  } finally {
    process.umask(before);
  }
}

/** Like `withUmask`, for private files, such as sockets: a user who can write to a socket can connect to it. */
export function withPrivateUmask<T>(work: () => T): T {
  return withUmask(0o077, work);
}
