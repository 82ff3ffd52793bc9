/** `persona review` and `persona reinstate` on a real graph and a real Temporal. */

import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { fraudCaseWorkflowId } from '../domain/workflow-contracts.ts';
import { applyFraudOutcome, setCustomerStatus } from '../graph/index.ts';
import { flagForReview } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { fraudReport } from '../test/fraud-fixtures.ts';
import { testHeader } from '../test/test-graph.ts';
import { claimedObligation } from '../test/obligation-fixtures.ts';
import { customerWithCards } from '../test/wallet-fixtures.ts';
import { connectRealServers, runPersona, signalsOf } from './cli-fixtures.ts';

const policy = readPolicy();
const servers = connectRealServers();
const signals = (case_id: string) => signalsOf(servers.client, fraudCaseWorkflowId(case_id));

async function reportedCase(outcome: 'suspected' | 'confirmed_fraud' | 'cleared') {
  const { customer_id } = await customerWithCards(servers.graph, policy, { cards: 1 });
  const report = fraudReport({ customer_id, outcome, reason: 'velocity' });
  await applyFraudOutcome(servers.graph, testHeader({ occurredAt: report.occurred_at }), report);
  const { case_id } = report;
  onTestFinished(async () => {
    await servers.client.workflow
      .getHandle(fraudCaseWorkflowId(case_id))
      .terminate()
      .catch(() => {});
  });
  return report;
}

test('exactly what awaits an operator is listed, page after page', async () => {
  const [first, second] = [await reportedCase('suspected'), await reportedCase('suspected')];
  await reportedCase('confirmed_fraud');
  const reviewed = await claimedObligation(servers.graph, policy);
  await reviewed.record({ result: 'declined', codes: { decline_code: 'insufficient_funds' } });
  await flagForReview(servers.graph, testHeader(), { payment_id: reviewed.payment_id, rule: 'stripe:test' });
  const unresolved = await claimedObligation(servers.graph, policy);
  await unresolved.record({ result: 'unknown', reason: 'no answer' });
  await flagForReview(servers.graph, testHeader(), { payment_id: unresolved.payment_id, rule: 'unknown' });
  // Paid externally with an unresolved charge: the gateway is still being polled.
  const closed = await claimedObligation(servers.graph, policy);
  await closed.record({ result: 'unknown', reason: 'no answer' });
  await closed.settle(Date.now(), undefined, 'word');

  // Other test files leave items for review, too.
  const ownCustomerIds = [first, second, reviewed, unresolved, closed].map(({ customer_id }) => customer_id);
  const listAll = async (limit: string) => {
    const all: { customer_id: string }[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const args = ['review', 'list', '--limit', limit, ...(cursor ? ['--cursor', cursor] : []), '--json'];
      const page = await runPersona(...args);
      expect(page).toMatchObject({ code: 0, err: '' });
      const { items, next_cursor } = JSON.parse(page.out);
      expect(items.length).toBeLessThanOrEqual(Number(limit));
      all.push(...items);
      cursor = next_cursor;
    }
    return all.filter(({ customer_id }) => ownCustomerIds.includes(customer_id));
  };
  expect(await listAll('100')).toEqual([
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
      kind: 'charge_unresolved',
      payment_id: unresolved.payment_id,
      attempt_key: unresolved.key,
      rule: 'unknown',
    }),
  ]);

  expect(await listAll('7')).toEqual(await listAll('100'));

  expect((await runPersona('review')).out).toMatch(/fraud .*review case-\S+ suspend\|clear/);
  expect(await runPersona('review', '--cursor', 'nonsense')).toMatchObject({
    code: 1,
    err: expect.stringContaining('cursor'),
  });
});

test('a decision is signalled to the case even without a run; a case that is not under review is refused', async () => {
  const { case_id } = await reportedCase('suspected');
  const decided = await runPersona('review', case_id, 'suspend', '--reason', 'not their payments', '--json');
  expect(decided.code).toBe(0);
  expect(JSON.parse(decided.out)).toMatchObject({ case_id, signalled: true, decision: 'suspend' });
  const decision = { decision: 'suspend', actor: expect.any(String), reason: 'not their payments' };
  expect(await signals(case_id)).toEqual([['reviewDecision', decision]]);

  const clearedCase = await reportedCase('cleared');
  expect(await runPersona('review', clearedCase.case_id, 'clear')).toMatchObject({
    code: 1,
    out: expect.stringContaining('is not under review'),
  });
  expect(await signals(clearedCase.case_id)).toEqual([]);
  expect(await runPersona('review', `case-${randomUUID()}`, 'clear')).toMatchObject({
    code: 1,
    err: expect.stringContaining('No such fraud case'),
  });
});

test('a suspended customer is reinstated through the newest case; an active customer is refused', async () => {
  const { case_id, customer_id } = await reportedCase('confirmed_fraud');
  expect(await runPersona('reinstate', customer_id, '--reason', 'a mistake')).toMatchObject({
    code: 0,
    out: `Customer ${customer_id} is being reinstated.`,
  });
  expect(await signals(case_id)).toEqual([['reinstate', { actor: expect.any(String), reason: 'a mistake' }]]);
  await setCustomerStatus(servers.graph, testHeader(), { customer_id, status: 'active', reason: 'test' });
  expect(await runPersona('reinstate', customer_id)).toMatchObject({
    code: 1,
    out: expect.stringContaining('is active'),
  });
  expect(await runPersona('reinstate', randomUUID())).toMatchObject({ code: 1 });
});
