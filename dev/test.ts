/**
 * `npm test`: runs the static checks and, concurrently, every test tier on its own servers. `--quick` skips the tiers that
 * need servers; `--long` runs the long versions of tests that `npm test` runs in short form; other arguments are passed to
 * vitest. The last line of stdout is `N passed, N failed`.
 */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DevCommandContext, runDevCommand } from './run-dev-command.ts';
import { StackError } from './stack/errors.ts';
import { type ServerName, startStack } from './stack/stack.ts';
import { elapsedSince } from './stack/progress.ts';
import { runVitest } from './test/run-vitest.ts';
import { type TestCount, LONG_CHECKS, runStaticChecks, DEFAULT_CHECKS } from './test/static-checks.ts';

const repository = fileURLToPath(new URL('..', import.meta.url));

/** Node's compile cache for Persona's programs, which tests start many times. */
const NODE_COMPILE_CACHE = process.env.NODE_COMPILE_CACHE ?? join(repository, '.persona', 'compile-cache');

/**
 * Without the JVM's optimizing compiler, which takes two thirds of Neo4j's processor time in the minutes that it runs here,
 * and pays off later.
 */
const JDK_JAVA_OPTIONS = [process.env.JDK_JAVA_OPTIONS, '-XX:TieredStopAtLevel=1'].filter(Boolean).join(' ');

/** Lanes of tiers of vitest.config.ts. They run side by side, because the second one mostly waits. */
const DEFAULT_LANES = [
  ['unit', 'timeskip', 'graph', 'real'],
  ['e2e', 'faults'],
];
const QUICK_LANES = [['unit']];
const LONG_LANES = [['long']];

interface Servers {
  required: readonly ServerName[];
  optional: readonly ServerName[];
}
const NO_SERVERS: Servers = { required: [], optional: [] };
const EVERY_SERVER: Servers = {
  required: ['neo4j', 'temporal', 'test_server'],
  optional: ['redis', 'stripe_mock', 'moto', 'oasdiff', 'schemathesis'],
};
/** Tests of the first lane read its whole graph. */
const SECOND_LANE_SERVERS: Servers = { required: ['neo4j', 'temporal'], optional: [] };

await runDevCommand(async (context) => {
  const args = process.argv.slice(2);
  const [quick, long] = [args.includes('--quick'), args.includes('--long')];
  const filters = args.filter((argument) => argument !== '--quick' && argument !== '--long');
  // A filter rarely selects files of both lanes, and a run without files fails. Servers from outside are there only once.
  const together = filters.length > 0 || process.env.NEO4J_URI || process.env.TEMPORAL_ADDRESS;
  const allLanes = together ? [DEFAULT_LANES.flat()] : DEFAULT_LANES;
  const lanes = quick ? QUICK_LANES : long ? LONG_LANES : allLanes;
  const variables = {
    ...process.env,
    NODE_COMPILE_CACHE,
    NODE_ENV: 'test',
    ...(!long && { JDK_JAVA_OPTIONS }),
  };
  const started = Date.now();
  const counts = await Promise.all([
    runStaticChecks(long ? LONG_CHECKS : DEFAULT_CHECKS, context.log),
    ...lanes.map(async (projects, index) => {
      const servers = quick ? NO_SERVERS : index === 0 ? EVERY_SERVER : SECOND_LANE_SERVERS;
      return await runTests({ projects, filters, servers, variables }, context);
    }),
  ]);
  const passed = counts.reduce((sum, count) => sum + count.passed, 0);
  const failed = counts.reduce((sum, count) => sum + count.failed, 0);
  context.log(`in ${elapsedSince(started)}`);
  context.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
});

interface Lane {
  projects: string[];
  filters: string[];
  servers: Servers;
  variables: Record<string, string | undefined>;
}

async function runTests(
  { projects, filters, servers, variables }: Lane,
  { guard, log }: DevCommandContext,
): Promise<TestCount> {
  try {
    const env = { ...variables, ...(await startServers(servers, variables, { guard, log })) };
    return await runVitest({ projects, filters, env, guard });
  } catch (error) {
    log(error instanceof Error ? error.message : String(error));
    return { passed: 0, failed: 1 };
  }
}

/** @returns their addresses, for the tests */
async function startServers(
  { required, optional }: Servers,
  env: Record<string, string | undefined>,
  { guard, log }: DevCommandContext,
): Promise<Record<string, string>> {
  if (required.length === 0) return {};
  const parent = join(repository, '.persona', 'running');
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'test-'));
  const start = (...servers: ServerName[]) => startStack({ servers, folder, guard, log, env });
  // Few tests need it, which fail without it and say so.
  const startOptional = (server: ServerName) =>
    start(server).catch((error: unknown) => {
      if (!(error instanceof StackError)) throw error;
      log(error.message);
      return { env: {} };
    });
  const [stack, ...others] = await Promise.all([start(...required), ...optional.map(startOptional)]);
  return Object.assign({}, ...others.map((server) => server.env), stack.env);
}
