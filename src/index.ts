/** What cut files import: `import { defineCut } from 'rapido'`. */
export type { ConfKey, ConfKeyTable } from './conf/key.ts';
export { type Cut, defineCut, type HostFile, type OutputFormat, type Tree } from './cut/cut.ts';
