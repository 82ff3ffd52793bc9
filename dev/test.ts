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

/** The tiers of vitest.config.ts. */
const DEFAULT_TIERS = ['unit', 'timeskip', 'graph', 'real', 'e2e', 'faults'];
const QUICK_TIERS = ['unit'];
const LONG_TIERS = ['long'];

await runDevCommand(async (context) => {
  const args = process.argv.slice(2);
  const [quick, long] = [args.includes('--quick'), args.includes('--long')];
  const filters = args.filter((argument) => argument !== '--quick' && argument !== '--long');
  const projects = quick ? QUICK_TIERS : long ? LONG_TIERS : DEFAULT_TIERS;
  const started = Date.now();
  const counts = await Promise.all([
    runStaticChecks(long ? LONG_CHECKS : DEFAULT_CHECKS, context.log),
    runTests(projects, filters, context),
  ]);
  const passed = counts.reduce((sum, count) => sum + count.passed, 0);
  const failed = counts.reduce((sum, count) => sum + count.failed, 0);
  context.log(`in ${elapsedSince(started)}`);
  context.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
});

async function runTests(
  projects: string[],
  filters: string[],
  { guard, log }: DevCommandContext,
): Promise<TestCount> {
  try {
    const env = {
      ...process.env,
      NODE_COMPILE_CACHE,
      NODE_ENV: 'test',
      ...(projects === DEFAULT_TIERS && { JDK_JAVA_OPTIONS }),
    };
    const servers = projects === QUICK_TIERS ? {} : await serversForTests(env, { guard, log });
    return await runVitest({ projects, filters, env: { ...env, ...servers }, guard });
  } catch (error) {
    log(error instanceof Error ? error.message : String(error));
    return { passed: 0, failed: 1 };
  }
}

async function serversForTests(
  env: Record<string, string | undefined>,
  { guard, log }: DevCommandContext,
): Promise<Record<string, string>> {
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
  const [stack, ...optional] = await Promise.all([
    start('neo4j', 'temporal', 'test_server'),
    startOptional('redis'),
    startOptional('stripe_mock'),
    startOptional('moto'),
    startOptional('oasdiff'),
    startOptional('schemathesis'),
  ]);
  return Object.assign({}, ...optional.map((server) => server.env), stack.env);
}
