import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const MINUTE_MS = 60_000;
const everywhere = ['node_modules/**', '.persona/**'];
/** Modules stay loaded between files, because importing the SDK takes a second. Files keep no state in modules. */
const shared = { isolate: false };
/** For tests that wait half of the time, for servers and for time limits. */
const twicePerCore = { maxWorkers: 2 * availableParallelism() };

/**
 * The test tiers. Files run in parallel, the tests of one file sequentially. `real` and
 * `e2e` read the servers' addresses from the environment, `timeskip` the path of its server; `dev/test.ts` sets both.
 */
export default defineConfig({
  test: {
    // Limits for a busy machine, not expected durations.
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
          // Many of these tests wait for programs that they start.
          ...twicePerCore,
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
          // Each test has its own server, and waits for it half of the time.
          ...twicePerCore,
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
          // Some run sixty conflicting commands: in parallel with another file these exceed the limit of a command.
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
          // Some read the whole graph, and the SDK has one runtime per process: one file at a time.
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
          // The processes share the task queues: one file at a time.
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
          // `npm run test:long`, at most an hour: each of these tests has a short version in another tier.
          name: 'long',
          include: [
            'test/faults/long.test.ts',
            'graph/invariants/invariants.real.test.ts',
            'activities/relay.real.test.ts',
            'test/contracts/fuzz.real.test.ts',
            'test/e2e/import.test.ts',
            'api/export-memory.real.test.ts',
            'graph/erasure/long-history.real.test.ts',
          ],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 10 * MINUTE_MS,
          hookTimeout: 4 * MINUTE_MS,
          env: {
            PERSONA_PROPERTY_RUNS: '100',
            PERSONA_IMPORT_LINES: '2500',
            PERSONA_EXPORT_EVENTS: '100000',
            PERSONA_ERASURE_EVENTS: '100000',
          },
          sequence: { groupOrder: 6 },
        },
      },
    ],
  },
});
