/** Whether `path` lies in `root`, or is `root` itself, on segment borders and by name alone. */
export function isWithin(root: string, path: string): boolean {
  return path === root || path.startsWith(root === '/' ? root : `${root}/`);
}
