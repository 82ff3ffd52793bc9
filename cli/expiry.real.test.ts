/** `persona expiry run` on a real graph and a real Temporal. */

import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TaskQueue } from '../domain/workflow-contracts.ts';
import { type Graph, readWallet } from '../graph/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { workflowBundle } from '../temporal/bundle.ts';
import { createQueueWorker, runWorkers } from '../temporal/worker.ts';
import { expiringCards } from '../test/expiring-card-fixtures.ts';
import { verifyAndClose, openTestGraph } from '../test/test-graph.ts';
import { openNamespace } from '../test/rig/server.ts';
import { today } from '../domain/expiry/calendar.ts';
import type { ExpiryActivities } from '../workflows/monitor-expiring-cards.ts';
import { runCli } from './program.ts';

const policy = readPolicy();
const secret = Buffer.alloc(32, 1);
const key = (id: string) => `${id}:${secret.toString('base64')}`;
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(() => verifyAndClose(graph));

async function run(args: string[], overrides: Record<string, string> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const keys = { PERSONA_KEYS: key('k'), PERSONA_BLIND_KEYS: key('b'), TEMPORAL_CODEC_KEYS: key('c') };
  const code = await runCli(['expiry', 'run', ...args], {
    env: { ...process.env, PERSONA_RUN_FILE: '/does/not/exist/run.json', ...keys, ...overrides },
    stdin: Readable.from([]),
    out: (line) => out.push(line),
    err: (line) => err.push(line),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

test('a dry run reports what a run on that day would do, and changes nothing', async () => {
  const fixture = await expiringCards(graph, policy);
  const { customer_id, cards } = await fixture.createHolder({ cards: 2 });
  const before = await readWallet(graph, customer_id);
  const dryRun = async (daysLeft: number) => {
    const { code, out } = await run(['--as-of', today(fixture.daysBefore(daysLeft)), '--json']);
    expect(code).toBe(0);
    const { items } = JSON.parse(out) as { items: { customer_id: string; stage: string }[] };
    return items.filter((item) => item.customer_id === customer_id);
  };
  const [{ payment_method_id } = expect.fail()] = cards;
  expect(await dryRun(61)).toEqual([]);
  expect(await dryRun(60)).toEqual([
    { payment_method_id, customer_id, expires_on: fixture.lastDay, stage: 'notice_60' },
  ]);
  expect(await dryRun(0)).toMatchObject([{ stage: 'notice_30' }]);
  expect(await dryRun(-1)).toMatchObject([{ stage: 'card_expired' }, { stage: 'card_expired' }]);
  expect(await readWallet(graph, customer_id)).toEqual(before);

  const { out } = await run(['--as-of', '2001-01-01']);
  expect(out).toMatch(/^Of \d+ cards, \d+ would trigger a notice on 2001-01-01.*Nothing was sent or changed/);
});

test('the command waits for the run and reports its result, with exit code 1 if cards failed', async () => {
  const codecKeys = [{ id: 'c', key: secret }];
  const server = await openNamespace({ codecKeys, interceptor: {} });
  let failed = 0;
  const monitor: ExpiryActivities = {
    monitorCards: async () => ({
      scan: { now: 0, stages: [], frequent_use_count: 1 },
      tally: { scanned: 12, notified: 2, updated: 1, expired: 3, failed, failed_ids: failed ? ['m-7'] : [] },
    }),
  };
  const worker = await createQueueWorker({
    ...{ connection: server.connection, namespace: server.namespace, codecKeys, debugMode: true },
    ...{ queue: TaskQueue.expiry, activities: monitor, bundle: await workflowBundle() },
  });
  const running = runWorkers([worker]);
  try {
    const target = { TEMPORAL_NAMESPACE: server.namespace };
    const succeeded = await run([], target);
    expect(succeeded).toMatchObject({ code: 0, err: expect.stringContaining('card-expiry-monitor:now') });
    expect(succeeded.out).toMatch(/customers notified +2\n/);
    failed = 1;
    const withFailures = await run(['--json'], target);
    expect(withFailures.code).toBe(1);
    expect(JSON.parse(withFailures.out)).toMatchObject({
      ...{ workflow_id: 'card-expiry-monitor:now', scanned: 12, failed: 1, failed_ids: ['m-7'] },
    });
  } finally {
    await running.stop();
    await server.close();
  }
});
