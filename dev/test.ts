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
import { type TestOutcome, LONG_CHECKS, runStaticChecks, DEFAULT_CHECKS } from './test/static-checks.ts';

const repository = fileURLToPath(new URL('..', import.meta.url));

/** Node's compile cache for Persona's programs, which tests start many times. */
const NODE_COMPILE_CACHE = process.env.NODE_COMPILE_CACHE ?? join(repository, '.persona', 'compile-cache');

/**
 * Without the JVM's optimizing compiler, which takes two thirds of Neo4j's processor time in the minutes that it runs here,
 * and pays off later. Without it the JVM reserves 48 MB for compiled code, which Neo4j fills: it would then discard and compile
 * the same code again and again.
 */
const JDK_JAVA_OPTIONS = [
  process.env.JDK_JAVA_OPTIONS,
  ...['-XX:TieredStopAtLevel=1', '-XX:ReservedCodeCacheSize=240m'],
]
  .filter(Boolean)
  .join(' ');

/** Tiers of vitest.config.ts, and the servers that their tests need. */
interface Plan {
  tiers: readonly string[];
  required: readonly ServerName[];
  /** Few tests need these. */
  optional: readonly ServerName[];
}
const FIRST_LANE: Plan = {
  tiers: ['unit', 'graph', 'real'],
  required: ['neo4j', 'temporal'],
  optional: ['redis', 'stripe_mock', 'moto', 'oasdiff', 'schemathesis'],
};
/** Runs beside the first one; with a graph of its own, because tests of the first one read all of theirs. */
const SECOND_LANE: Plan = {
  tiers: ['timeskip', 'e2e', 'faults'],
  required: ['neo4j', 'temporal', 'test_server'],
  optional: ['agent_python', 'agent_go'],
};
const TOGETHER: Plan = {
  tiers: [...FIRST_LANE.tiers, ...SECOND_LANE.tiers],
  required: SECOND_LANE.required,
  optional: [...FIRST_LANE.optional, ...SECOND_LANE.optional],
};
const QUICK: Plan = { tiers: ['unit'], required: [], optional: [] };
const LONG: Plan = { ...TOGETHER, tiers: ['long'] };

await runDevCommand(async (context) => {
  const args = process.argv.slice(2);
  const [quick, long] = [args.includes('--quick'), args.includes('--long')];
  const filters = args.filter((argument) => argument !== '--quick' && argument !== '--long');
  // A filter rarely selects files of both lanes, and a run without files fails. Servers from outside are there only once.
  const together = filters.length > 0 || process.env.NEO4J_URI || process.env.TEMPORAL_ADDRESS;
  const plans = quick ? [QUICK] : long ? [LONG] : together ? [TOGETHER] : [FIRST_LANE, SECOND_LANE];
  const variables = {
    ...process.env,
    NODE_COMPILE_CACHE,
    NODE_ENV: 'test',
    ...(!long && { JDK_JAVA_OPTIONS }),
  };
  const started = Date.now();
  const outcomes = await Promise.all([
    runStaticChecks(long ? LONG_CHECKS : DEFAULT_CHECKS, context.log),
    ...plans.map((plan) => runTests(plan, { filters, variables }, context)),
  ]);
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
  for (const failure of outcomes.flatMap(({ failures }) => failures)) context.log(`FAILED  ${failure}`);
  context.log(`in ${elapsedSince(started)}`);
  context.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
});

type Variables = Record<string, string | undefined>;

async function runTests(
  plan: Plan,
  { filters, variables }: { filters: string[]; variables: Variables },
  { guard, log }: DevCommandContext,
): Promise<TestOutcome> {
  try {
    const env = { ...variables, ...(await startServers(plan, variables, { guard, log })) };
    return await runVitest({ projects: plan.tiers, filters, env, guard });
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    return { passed: 0, failed: 1, failures: [failure] };
  }
}

/** @returns their addresses, for the tests */
async function startServers(
  { required, optional }: Plan,
  env: Variables,
  { guard, log }: DevCommandContext,
): Promise<Record<string, string>> {
  if (required.length === 0) return {};
  const parent = join(repository, '.persona', 'running');
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'test-'));
  const start = (...servers: ServerName[]) => startStack({ servers, folder, guard, log, env });
  // The tests that need it fail without it, and say so.
  const startOptional = (server: ServerName) =>
    start(server).catch((error: unknown) => {
      if (!(error instanceof StackError)) throw error;
      log(error.message);
      return { env: {} };
    });
  const [stack, ...others] = await Promise.all([start(...required), ...optional.map(startOptional)]);
  // Files that need a graph of their own may empty the one that was started here (test/own-graph.ts).
  const emptied = stack.processes.neo4j && { PERSONA_EMPTIED_NEO4J: stack.env.NEO4J_URI };
  return Object.assign({}, ...others.map((server) => server.env), stack.env, emptied);
}
