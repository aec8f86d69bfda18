/** Formats 1536 as "1.5 KiB". */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** Formats milliseconds as "0.35 s". */
export function formatSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/**
 * Formats milliseconds as "0.35 s", "12 min 05 s", "3 h 20 min".
 * @param whole whether to print whole seconds below a minute: "42 s"
 */
export function formatDuration(ms: number, { whole = false } = {}): string {
  const seconds = Math.max(whole ? Math.floor(ms / 1000) : Math.round(ms / 1000), 0);
  if (seconds < 60) return whole ? `${seconds} s` : formatSeconds(Math.max(ms, 0));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const two = (count: number): string => String(count).padStart(2, '0');
  return hours === 0 ? `${minutes} min ${two(seconds % 60)} s` : `${hours} h ${two(minutes)} min`;
}

/** Formats milliseconds without rounding: "100 s", "0.5 s". */
export function formatLimit(ms: number): string {
  return `${ms / 1000} s`;
}
