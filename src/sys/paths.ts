/** Whether a path is that directory, or below it. Both are absolute and normal. */
export function isInside(path: string, directory: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}
