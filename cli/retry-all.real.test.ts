/** `persona retry --all` on a real graph and a real Temporal: who is asked to try again, and who is left alone. */

import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { recoveryWorkflowId } from '../domain/processes.ts';
import type { Graph } from '../graph/index.ts';
import { endReview, flagForReview } from '../graph/recovery/index.ts';
import { readTemporalEnvironment } from '../platform/environment.ts';
import { readPolicy } from '../platform/policy.ts';
import { connectTemporal } from '../temporal/client.ts';
import { closeVerified, openTestGraph, testHeader } from '../test/graph.ts';
import { claimedObligation } from '../test/obligations.ts';
import { runCli } from './program.ts';

const policy = readPolicy();
const key = (id: string) => `${id}:${Buffer.alloc(32, 1).toString('base64')}`;
const env = {
  ...process.env,
  PERSONA_RUN_FILE: '/does/not/exist/run.json',
  PERSONA_KEYS: key('k'),
  PERSONA_BLIND_KEYS: key('b'),
  TEMPORAL_CODEC_KEYS: undefined,
};

let graph: Graph;
let client: Client;
beforeAll(async () => {
  graph = await openTestGraph();
  client = await connectTemporal({ ...readTemporalEnvironment(env), apiKey: undefined, codecKeys: 'none' });
});
afterAll(async () => {
  await client.connection.close();
  await closeVerified(graph);
});

async function run(...args: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCli(['retry', ...args], {
    env,
    stdin: Readable.from([]),
    out: (line) => out.push(line),
    err: (line) => err.push(line),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

/** An obligation under review, with a run that no worker takes up. */
async function inReview(rule: string, { lost = false } = {}): Promise<string> {
  const { payment_id, record } = await claimedObligation(graph, policy);
  await record({ result: 'declined', codes: { decline_code: 'insufficient_funds' } });
  await flagForReview(graph, testHeader(), { payment_id, rule });
  if (lost) return payment_id;
  const handle = await client.workflow.start('recoverPayment', {
    workflowId: recoveryWorkflowId(payment_id),
    taskQueue: `unpolled-${randomUUID()}`,
    args: [{ payment_id, resume: true }],
  });
  onTestFinished(async () => void (await handle.terminate()));
  return payment_id;
}

async function signalsOf(payment: string): Promise<unknown[]> {
  const { events } = await client.workflow.getHandle(recoveryWorkflowId(payment)).fetchHistory();
  return (events ?? []).flatMap(({ workflowExecutionSignaledEventAttributes: signal }) => {
    const [payload] = signal?.input?.payloads ?? [];
    return signal ? [[signal.signalName, payload && defaultPayloadConverter.fromPayload(payload)]] : [];
  });
}

test('a dry run lists what is under review by that rule, in the order of payments, and asks none', async () => {
  const rule = `stripe:${randomUUID()}`;
  const payments = [await inReview(rule), await inReview(rule)].sort();
  await inReview('mac:04');
  const { code, out } = await run('--all', '--rule', rule, '--dry-run', '--json');
  expect(code).toBe(0);
  const { items, ...rest } = JSON.parse(out);
  expect(rest).toEqual({ rule, dry_run: true, found: 2 });
  expect(items.map((item: { payment_id: string }) => item.payment_id)).toEqual(payments);
  expect(items[0]).toEqual({
    payment_id: payments[0],
    customer_id: expect.any(String),
    amount: expect.any(Number),
    currency: expect.any(String),
    opened_at: expect.any(String),
  });
  for (const payment of payments) expect(await signalsOf(payment)).toEqual([]);
  const words = await run('--all', '--rule', rule, '--dry-run');
  expect(words.out).toContain(`2 payments are under review by the rule ${rule}. Nothing was changed.`);
});

test('each is asked once, by that rule alone; what is not under review any more is not asked again', async () => {
  const rule = `stripe:${randomUUID()}`;
  const [one, two, other] = [await inReview(rule), await inReview(rule), await inReview(`${rule}:not`)];
  const first = await run('--all', '--rule', rule, '--reason', 'new key', '--per-second', '50', '--json');
  expect(first).toMatchObject({
    code: 0,
    err: `2 payments are under review by the rule ${rule}; 50 a second are asked to try again.`,
  });
  expect(JSON.parse(first.out)).toEqual({ rule, dry_run: false, found: 2, signalled: 2, without_run: [] });
  const asked = [['retryNow', { actor: expect.any(String), reason: 'new key', rule }]];
  for (const payment of [one, two]) expect(await signalsOf(payment)).toEqual(asked);
  expect(await signalsOf(other)).toEqual([]);

  await endReview(graph, testHeader(), { payment_id: one });
  const again = await run('--all', '--rule', rule, '--json');
  expect(JSON.parse(again.out)).toMatchObject({ found: 1, signalled: 1 });
  expect(await signalsOf(one)).toHaveLength(1);
  await endReview(graph, testHeader(), { payment_id: two });
  const done = await run('--all', '--rule', rule);
  expect(done).toMatchObject({ code: 0, out: '0 of 0 were asked to try again.' });
});

test('one whose run is lost is named, and the others are asked', async () => {
  const rule = `stripe:${randomUUID()}`;
  const lost = await inReview(rule, { lost: true });
  const running = await inReview(rule);
  const { code, out } = await run('--all', '--rule', rule, '--per-second', '50', '--json');
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject({ found: 2, signalled: 1, without_run: [lost] });
  expect(await signalsOf(running)).toHaveLength(1);
});

test('faster than the gateway takes charges is refused', async () => {
  const { code, err } = await run('--all', '--rule', 'mac:04', '--per-second', '51');
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('at most 50') });
});
