import { defineConfig } from 'vitest/config';

const MINUTE_MS = 60_000;
const everywhere = ['node_modules/**', '.persona/**'];

/**
 * The tiers of specification quality, 'Tests'. Files run side by side, the tests of one file one after the other. `real`
 * and `e2e` read the servers' addresses from the environment, `timeskip` the path of its server; `dev/test.ts` sets both.
 */
export default defineConfig({
  test: {
    // Limits for a machine that is busy with other things, not what anything should take.
    testTimeout: 20_000,
    expect: { poll: { timeout: 10_000 } },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [
            ...everywhere,
            '**/*.real.test.ts',
            '**/*.timeskip.test.ts',
            'test/e2e/**',
            'test/faults/**',
          ],
          pool: 'forks',
          // Much of it waits for programs that it starts.
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'timeskip',
          include: ['**/*.timeskip.test.ts'],
          exclude: everywhere,
          pool: 'forks',
          testTimeout: MINUTE_MS,
          hookTimeout: 2 * MINUTE_MS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'real',
          include: ['**/*.real.test.ts'],
          exclude: [...everywhere, 'test/e2e/**'],
          pool: 'forks',
          testTimeout: MINUTE_MS,
          hookTimeout: 2 * MINUTE_MS,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: everywhere,
          pool: 'forks',
          // Its processes share the task queues: one file at a time.
          fileParallelism: false,
          testTimeout: 2 * MINUTE_MS,
          hookTimeout: 4 * MINUTE_MS,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          exclude: everywhere,
          pool: 'forks',
          // Each kills servers of its own, and needs the machine for itself to do so at the right moment.
          fileParallelism: false,
          testTimeout: 3 * MINUTE_MS,
          hookTimeout: 4 * MINUTE_MS,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
