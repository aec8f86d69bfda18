import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const alias = { rapido: fileURLToPath(new URL('./src/index.ts', import.meta.url)) };

export default defineConfig({
  test: {
    projects: [
      {
        resolve: { alias },
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**'],
          // Many tests wait for processes and timers: on two cores, three at a time take half the time of one.
          maxWorkers: 3,
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve: { alias },
        test: {
          // Each of these boots a real kernel. Two at a time fit two emulated CPUs on two cores.
          name: 'vm',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
