import { defineConfig } from 'vitest/config';

const MINUTE_MS = 60_000;
const everywhere = ['node_modules/**', '.persona/**'];
/** What is imported stays: the SDK takes a second of each process. Files keep nothing in it, and put back what they replace. */
const shared = { isolate: false };

/**
 * The tiers of specification quality, 'Tests'. Files run side by side, the tests of one file one after the other. `real`
 * and `e2e` read the servers' addresses from the environment, `timeskip` the path of its server; `dev/test.ts` sets both.
 */
export default defineConfig({
  test: {
    // Limits for a machine that is busy with other things, not what anything should take.
    testTimeout: 2 * MINUTE_MS,
    hookTimeout: 2 * MINUTE_MS,
    expect: { poll: { timeout: MINUTE_MS } },
    projects: [
      {
        extends: true,
        test: {
          ...shared,
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [
            ...everywhere,
            '**/*.real.test.ts',
            '**/*.timeskip.test.ts',
            'test/e2e/**',
            'test/faults/*.test.ts',
          ],
          pool: 'forks',
          // Much of it waits for programs that it starts.
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: 'timeskip',
          include: ['**/*.timeskip.test.ts'],
          exclude: everywhere,
          pool: 'forks',
          // Each test has a server of its own, for which it waits half of the time.
          maxWorkers: '100%',
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: 'graph',
          include: ['graph/**/*.real.test.ts'],
          exclude: everywhere,
          pool: 'forks',
          // Some let sixty commands meet: beside another file they take longer than a command may.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'real',
          include: ['**/*.real.test.ts'],
          exclude: [...everywhere, 'graph/**', 'test/e2e/**'],
          pool: 'forks',
          // Some go over everything in the graph, and the SDK has one runtime in each process: one file at a time.
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: everywhere,
          pool: 'forks',
          // Its processes share the task queues: one file at a time.
          fileParallelism: false,
          testTimeout: 2 * MINUTE_MS,
          hookTimeout: 4 * MINUTE_MS,
          sequence: { groupOrder: 4 },
        },
      },
      {
        extends: true,
        test: {
          name: 'faults',
          include: ['test/faults/faults.test.ts'],
          pool: 'forks',
          testTimeout: 10 * MINUTE_MS,
          hookTimeout: 4 * MINUTE_MS,
          sequence: { groupOrder: 5 },
        },
      },
      {
        extends: true,
        test: {
          // `npm run test:long`, at most an hour: each of these has a short form in another tier.
          name: 'long',
          include: ['test/faults/long.test.ts', 'graph/invariants/invariants.real.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 10 * MINUTE_MS,
          hookTimeout: 4 * MINUTE_MS,
          env: { PERSONA_PROPERTY_RUNS: '100' },
          sequence: { groupOrder: 6 },
        },
      },
    ],
  },
});
