/** What the guest's init tells over the control channel, one JSON object a line. */
export type GuestEvent =
  /** PID 1 runs; `uptime` in seconds since the kernel started. */
  | { event: 'init'; uptime: number }
  /** The directory that the cut names does not exist. */
  | { event: 'no-directory' }
  | { event: 'autorun-start'; script: string }
  | { event: 'autorun-end'; script: string; status: number }
  /** A shell stands at the prompt. */
  | { event: 'prompt' }
  /** The session is over; the guest is about to power off. */
  | { event: 'power-off' };

/**
 * Reads one line of the control channel. The guest is not trusted: whatever is not exactly one of
 * the events is undefined.
 */
export function parseGuestEvent(line: string): GuestEvent | undefined {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof record !== 'object' || record === null) return undefined;
  const { event, uptime, script, status } = record as Record<string, unknown>;
  switch (event) {
    case 'init':
      return isDecimal(uptime) ? { event, uptime: Number(uptime) } : undefined;
    case 'autorun-start':
      return typeof script === 'string' ? { event, script } : undefined;
    case 'autorun-end':
      return typeof script === 'string' && isExitStatus(status)
        ? { event, script, status: Number(status) }
        : undefined;
    case 'no-directory':
    case 'prompt':
    case 'power-off':
      return { event };
    default:
      return undefined;
  }
}

function isDecimal(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,9}(\.\d{1,6})?$/.test(value);
}

/** What a shell has in $?. */
function isExitStatus(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,3}$/.test(value) && Number(value) <= 255;
}
