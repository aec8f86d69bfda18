/**
 * The value of an option in a kernel configuration (.config, /boot/config-RELEASE), as the kernel's
 * Documentation/kbuild/kconfig.rst describes the file. The file has ten thousand lines, so it is not parsed as a whole.
 * @param text the file
 * @param option with its prefix: `CONFIG_PCI`
 * @returns `y`, `m`, a number or a quoted string; undefined if the option is not set or not known to that kernel
 */
export function readOption(text: string, option: string): string | undefined {
  const line = `${option}=`;
  let start = text.startsWith(line) ? 0 : text.indexOf(`\n${line}`) + 1;
  if (start === 0 && !text.startsWith(line)) return undefined;
  start += line.length;
  const end = text.indexOf('\n', start);
  return text.slice(start, end === -1 ? undefined : end).trimEnd();
}
