import { defineCut } from 'rapido';

/** All programs of this host, with nothing listed: the target of `rapido run -- COMMAND`. */
export default defineCut({
  summary: 'The programs and files of this host, read-only; what the VM writes is discarded',
  root: 'host',
  kernelConfig: true,
  // Programs of the host are larger than those of a small image.
  resources: { memory: '1G' },
});
