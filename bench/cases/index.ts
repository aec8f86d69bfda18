import type { Case } from '../bench.ts';
import { booting, idling, networking, running } from './boot.ts';
import { cutting } from './cut.ts';
import { growingImages, growingNumbers, growingTrees } from './growth.ts';
import { printing } from './output.ts';
import { startUp } from './start-up.ts';

/** All cases by their names for `--only`, in the order of the table. */
export const CASES: Readonly<Record<string, Case>> = {
  'start-up': startUp,
  cut: cutting,
  boot: booting,
  run: running,
  idle: idling,
  network: networking,
  trees: growingTrees,
  images: growingImages,
  vms: growingNumbers,
  output: printing,
};
