/** `persona review` and `persona reinstate` on a real graph and a real Temporal. */

import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { fraudCaseWorkflowId } from '../domain/processes.ts';
import { applyFraudOutcome, type Graph, setCustomerStatus } from '../graph/index.ts';
import { flagForReview } from '../graph/recovery/index.ts';
import { readTemporalEnvironment } from '../platform/environment.ts';
import { readPolicy } from '../platform/policy.ts';
import { connectTemporal } from '../temporal/client.ts';
import { fraudReport } from '../test/fraud.ts';
import { closeVerified, openTestGraph, testHeader } from '../test/graph.ts';
import { claimedObligation } from '../test/obligations.ts';
import { customerWithCards } from '../test/wallets.ts';
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
  const code = await runCli(args, {
    env,
    stdin: Readable.from([]),
    out: (line) => out.push(line),
    err: (line) => err.push(line),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

async function reported(outcome: 'suspected' | 'confirmed_fraud' | 'cleared') {
  const { customer_id } = await customerWithCards(graph, policy, { cards: 1 });
  const report = fraudReport({ customer_id, outcome, reason: 'velocity' });
  await applyFraudOutcome(graph, testHeader({ occurredAt: report.occurred_at }), report);
  const { case_id } = report;
  onTestFinished(async () => {
    await client.workflow
      .getHandle(fraudCaseWorkflowId(case_id))
      .terminate()
      .catch(() => {});
  });
  return report;
}

async function signalsOf(case_id: string): Promise<unknown[]> {
  const handle = client.workflow.getHandle(fraudCaseWorkflowId(case_id));
  const history = await handle.fetchHistory().catch(() => undefined);
  return (history?.events ?? []).flatMap(({ workflowExecutionSignaledEventAttributes: signal }) => {
    const [payload] = signal?.input?.payloads ?? [];
    return signal ? [[signal.signalName, payload && defaultPayloadConverter.fromPayload(payload)]] : [];
  });
}

test('everything that awaits a person is listed, page after page, and nothing else', async () => {
  const [first, second] = [await reported('suspected'), await reported('suspected')];
  await reported('confirmed_fraud');
  const reviewed = await claimedObligation(graph, policy);
  await reviewed.record({ result: 'declined', codes: { decline_code: 'insufficient_funds' } });
  await flagForReview(graph, testHeader(), { payment_id: reviewed.payment_id, rule: 'stripe:test' });
  const doubtful = await claimedObligation(graph, policy);
  await doubtful.record({ result: 'unknown', reason: 'no answer' });
  await flagForReview(graph, testHeader(), { payment_id: doubtful.payment_id, rule: 'unknown' });
  // Others have paid, and what became of the charge is not known yet: the gateway is still asked.
  const closed = await claimedObligation(graph, policy);
  await closed.record({ result: 'unknown', reason: 'no answer' });
  await closed.settle(Date.now(), undefined, 'word');

  // Other files leave what awaits a person, too.
  const own = [first, second, reviewed, doubtful, closed].map(({ customer_id }) => customer_id);
  const listed = async (limit: string) => {
    const all: { customer_id: string }[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const args = ['review', 'list', '--limit', limit, ...(cursor ? ['--cursor', cursor] : []), '--json'];
      const page = await run(...args);
      expect(page).toMatchObject({ code: 0, err: '' });
      const { items, next_cursor } = JSON.parse(page.out);
      expect(items.length).toBeLessThanOrEqual(Number(limit));
      all.push(...items);
      cursor = next_cursor;
    }
    return all.filter(({ customer_id }) => own.includes(customer_id));
  };
  expect(await listed('100')).toEqual([
    {
      kind: 'fraud_case',
      case_id: first.case_id,
      customer_id: first.customer_id,
      reason: 'velocity',
      since: expect.stringMatching(/^\d{4}-/),
    },
    expect.objectContaining({ kind: 'fraud_case', case_id: second.case_id }),
    {
      kind: 'recovery',
      payment_id: reviewed.payment_id,
      customer_id: reviewed.customer_id,
      rule: 'stripe:test',
      amount: 4900,
      currency: 'USD',
      opened_at: expect.stringMatching(/^\d{4}-/),
    },
    expect.objectContaining({
      kind: 'charge_in_doubt',
      payment_id: doubtful.payment_id,
      attempt_key: doubtful.key,
      rule: 'unknown',
    }),
  ]);

  expect(await listed('7')).toEqual(await listed('100'));

  expect((await run('review')).out).toMatch(/fraud .*review case-\S+ suspend\|clear/);
  expect(await run('review', '--cursor', 'nonsense')).toMatchObject({
    code: 1,
    err: expect.stringContaining('cursor'),
  });
});

test('a decision is signalled to the case, also where no run is there; what awaits nobody is refused', async () => {
  const { case_id } = await reported('suspected');
  const decided = await run('review', case_id, 'suspend', '--reason', 'not their payments', '--json');
  expect(decided.code).toBe(0);
  expect(JSON.parse(decided.out)).toMatchObject({ case_id, signalled: true, decision: 'suspend' });
  const decision = { decision: 'suspend', actor: expect.any(String), reason: 'not their payments' };
  expect(await signalsOf(case_id)).toEqual([['reviewDecision', decision]]);

  const over = await reported('cleared');
  expect(await run('review', over.case_id, 'clear')).toMatchObject({
    code: 1,
    out: expect.stringContaining('awaits no person'),
  });
  expect(await signalsOf(over.case_id)).toEqual([]);
  expect(await run('review', `case-${randomUUID()}`, 'clear')).toMatchObject({
    code: 1,
    err: expect.stringContaining('No such fraud case'),
  });
});

test('a suspended customer is reinstated through the newest case; one who is not suspended is not', async () => {
  const { case_id, customer_id } = await reported('confirmed_fraud');
  expect(await run('reinstate', customer_id, '--reason', 'a mistake')).toMatchObject({
    code: 0,
    out: `The customer ${customer_id} is being reinstated.`,
  });
  expect(await signalsOf(case_id)).toEqual([
    ['reinstate', { actor: expect.any(String), reason: 'a mistake' }],
  ]);
  await setCustomerStatus(graph, testHeader(), { customer_id, status: 'active', reason: 'test' });
  expect(await run('reinstate', customer_id)).toMatchObject({
    code: 1,
    out: expect.stringContaining('is active'),
  });
  expect(await run('reinstate', randomUUID())).toMatchObject({ code: 1 });
});
