/** `persona retry --all` on a real graph and a real Temporal: which recoveries are signalled, and which are not. */

import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { recoveryWorkflowId } from '../domain/workflow-contracts.ts';
import { endReview, flagForReview } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { testHeader } from '../test/test-graph.ts';
import { claimedObligation } from '../test/obligation-fixtures.ts';
import { connectRealServers, runPersona, signalsOf } from './cli-fixtures.ts';

const policy = readPolicy();
const servers = connectRealServers();
const run = (...args: string[]) => runPersona('retry', ...args);
const signals = (payment: string) => signalsOf(servers.client, recoveryWorkflowId(payment));

/** An obligation under review, with a run that no worker picks up. */
async function inReview(rule: string, { lost = false } = {}): Promise<string> {
  const { payment_id, record } = await claimedObligation(servers.graph, policy);
  await record({ result: 'declined', codes: { decline_code: 'insufficient_funds' } });
  await flagForReview(servers.graph, testHeader(), { payment_id, rule });
  if (lost) return payment_id;
  const handle = await servers.client.workflow.start('recoverPayment', {
    workflowId: recoveryWorkflowId(payment_id),
    taskQueue: `unpolled-${randomUUID()}`,
    args: [{ payment_id, resume: true }],
  });
  onTestFinished(async () => void (await handle.terminate()));
  return payment_id;
}

test('a dry run lists the payments under review by that rule, ordered by id, and signals none', async () => {
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
  for (const payment of payments) expect(await signals(payment)).toEqual([]);
  const words = await run('--all', '--rule', rule, '--dry-run');
  expect(words.out).toContain(`2 payments are under review by rule ${rule}. Nothing was changed.`);
});

test('each recovery under review by that rule is signalled once, and not again once its review has ended', async () => {
  const rule = `stripe:${randomUUID()}`;
  const [one, two, other] = [await inReview(rule), await inReview(rule), await inReview(`${rule}:not`)];
  const first = await run('--all', '--rule', rule, '--reason', 'new key', '--per-second', '50', '--json');
  expect(first).toMatchObject({
    code: 0,
    err: `2 payments are under review by rule ${rule}; retrying 50 per second.`,
  });
  expect(JSON.parse(first.out)).toEqual({ rule, dry_run: false, found: 2, signalled: 2, without_run: [] });
  const expectedSignals = [['retryNow', { actor: expect.any(String), reason: 'new key', rule }]];
  for (const payment of [one, two]) expect(await signals(payment)).toEqual(expectedSignals);
  expect(await signals(other)).toEqual([]);

  await endReview(servers.graph, testHeader(), { payment_id: one });
  const again = await run('--all', '--rule', rule, '--json');
  expect(JSON.parse(again.out)).toMatchObject({ found: 1, signalled: 1 });
  expect(await signals(one)).toHaveLength(1);
  await endReview(servers.graph, testHeader(), { payment_id: two });
  const done = await run('--all', '--rule', rule);
  expect(done).toMatchObject({ code: 0, out: '0 of 0 were signalled to retry.' });
});

test('a recovery whose run is lost is reported, and the others are signalled', async () => {
  const rule = `stripe:${randomUUID()}`;
  const lost = await inReview(rule, { lost: true });
  const running = await inReview(rule);
  const { code, out } = await run('--all', '--rule', rule, '--per-second', '50', '--json');
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject({ found: 2, signalled: 1, without_run: [lost] });
  expect(await signals(running)).toHaveLength(1);
});

test('a rate above that of the gateway’s charges is refused', async () => {
  const { code, err } = await run('--all', '--rule', 'mac:04', '--per-second', '51');
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('at most 50') });
});
