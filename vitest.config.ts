import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { browserBundlesInTests } from './scripts/browser-bundle.mjs';

const alias = { rapido: fileURLToPath(new URL('./src/index.ts', import.meta.url)) };

/** Each of these tests boots a real kernel. Two at a time fit two emulated CPUs on two cores. */
const BOOTS = {
  testTimeout: 180_000,
  hookTimeout: 180_000,
  maxWorkers: 2,
  sequence: { groupOrder: 1 },
};

/** `npm test` runs the projects unit and quick; `npm run test:all` runs all of them. */
export default defineConfig({
  test: {
    projects: [
      {
        resolve: { alias },
        plugins: [browserBundlesInTests],
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**'],
          // Many tests wait for processes and timers: on two cores, three at a time take half the time of one.
          maxWorkers: 3,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
          globalSetup: 'test/support/sweep.ts',
        },
      },
      {
        resolve: { alias },
        plugins: [browserBundlesInTests],
        test: {
          name: 'quick',
          include: ['test/e2e/quick/**/*.test.ts'],
          globalSetup: 'test/support/sweep.ts',
          ...BOOTS,
        },
      },
      {
        resolve: { alias },
        plugins: [browserBundlesInTests],
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: ['test/e2e/quick/**'],
          globalSetup: ['test/support/sweep.ts', 'test/support/warm-cache.ts'],
          ...BOOTS,
        },
      },
    ],
  },
});
