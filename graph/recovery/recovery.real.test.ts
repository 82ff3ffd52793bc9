import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Opening } from '../../domain/recovery/claims.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import { testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf } from '../../test/wallet-fixtures.ts';
import { verifyCustomer } from '../replay/verify.ts';
import { adoptGatewayPayment, findSweepCandidates, flagForReview } from './index.ts';
import { approved, declined, recoveryCommands } from './recovery-fixtures.ts';

const { graph, policy, open, opened, claim, record, close, log } = await recoveryCommands();

test('a closed obligation keeps its first outcome, and only exhausted or cancelled ones reopen', async () => {
  const customer = await customerWithCards(graph, policy);
  const third = customer.methods[2] as string;
  const later = (failure: PaymentFailed, seconds: number): PaymentFailed => ({
    ...failure,
    event_id: randomUUID(),
    occurred_at: new Date(Date.now() + seconds * 1_000).toISOString(),
  });
  const stopped = failureOf(customer);
  await open(stopped);
  await close(stopped.payment_id, { outcome: 'stopped', rule: 'fraud' });
  const secondClosing = await close(stopped.payment_id, { outcome: 'exhausted', rule: 'x' });
  expect(secondClosing).toMatchObject({ obligation: { outcome: 'stopped', rule: 'fraud' } });
  expect(await open(later(stopped, 5))).toMatchObject({
    result: 'closed',
    obligation: { outcome: 'stopped' },
  });
  expect(await claim(stopped.payment_id, third)).toMatchObject({
    result: 'refused',
    rule: 'obligation_closed',
  });

  const exhausted = failureOf(customer);
  await open(exhausted);
  await close(exhausted.payment_id, { outcome: 'exhausted', rule: 'window_over' });
  expect(await open(exhausted)).toMatchObject({ result: 'closed', obligation: { outcome: 'exhausted' } });
  const reopened = await open(later(exhausted, 5), { now: Date.now() + 6_000 });
  expect(reopened).toMatchObject({ result: 'reopened', recovery: { state: 'open' } });
  expect(await claim(exhausted.payment_id, third)).toMatchObject({ result: 'claimed' });
});

test('one payment at the gateway belongs to one obligation only', async () => {
  const customer = await customerWithCards(graph, policy);
  const one = await opened(failureOf(customer, { gateway_payment_ref: 'pi_shared' }));
  const two = await opened(failureOf(customer, { gateway_payment_ref: 'pi_shared' }));
  const gateway_ref = `pi_${randomUUID()}`;
  const adopted = await Promise.all(
    [one, two].map(({ payment_id }) => adoptGatewayPayment(graph, testHeader(), { payment_id, gateway_ref })),
  );
  expect(adopted.filter(Boolean)).toHaveLength(1);
});

describe('a payment for which a recovery should be running', () => {
  /** Those whose ids have this prefix: page by page, `limit` of each state, once every claim is past its deadline. */
  async function sweepCandidates(prefix: string, limit: number): Promise<string[]> {
    const found: string[] = [];
    for (let next: string | undefined = prefix; next !== undefined; ) {
      const page = await findSweepCandidates(graph, { after: next, limit, now: Date.now() + 600_000 });
      found.push(...page.payment_ids);
      next = page.next;
    }
    return found.filter((payment_id) => payment_id.startsWith(prefix));
  }

  test.each([1, 2, 50])('is found once and in order, with %d of each state per page', async (limit) => {
    // Sorted after the payments of other tests, so that their pages are not read.
    const prefix = `zz-${randomUUID()}`;
    const openNth = async (n: number) => {
      const customer = await customerWithCards(graph, policy);
      const payment_id = `${prefix}-${n}`;
      await opened(failureOf(customer, { payment_id }));
      return { payment_id, second: customer.methods[1] as string };
    };
    const open = await openNth(1);
    const stopped = await openNth(2);
    const inReview = await openNth(3);
    const inFlight = await openNth(4);
    const unknown = await openNth(5);
    const alsoOpen = await openNth(6);
    await close(stopped.payment_id, { outcome: 'stopped', rule: 'fraud' });
    await flagForReview(graph, testHeader(), { payment_id: inReview.payment_id, rule: 'attempt_unknown' });
    await claim(inFlight.payment_id, inFlight.second);
    await claim(unknown.payment_id, unknown.second);
    await record(unknown.payment_id, unknown.second, { result: 'unknown', reason: 'timeout' });
    const expected = [open, inReview, inFlight, unknown, alsoOpen].map(({ payment_id }) => payment_id);
    expect(await sweepCandidates(prefix, limit)).toEqual(expected);
  });

  test('may also be closed, while a charge of it is unresolved', async () => {
    const prefix = `zz-${randomUUID()}`;
    const customer = await customerWithCards(graph, policy);
    const [, second] = customer.methods as [string, string];
    await opened(failureOf(customer, { payment_id: prefix }));
    await claim(prefix, second);
    await record(prefix, second, { result: 'unknown', reason: 'timeout' });
    await close(prefix, { outcome: 'paid_elsewhere', rule: 'settled' });
    expect(await sweepCandidates(prefix.slice(0, -1), 50)).toEqual([prefix]);
  });
});

test('after many recoveries the log and the graph agree', async () => {
  const customer = await customerWithCards(graph, policy);
  const [, second, third] = customer.methods as [string, string, string];
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, third);
  await record(payment_id, third, { result: 'unknown', reason: 'timeout' });
  await flagForReview(graph, testHeader(), { payment_id, rule: 'attempt_unknown' });
  await record(payment_id, third, declined('expired_card'));
  await claim(payment_id, second);
  await record(payment_id, second, approved);
  await record(payment_id, third, approved);
  expect(await verifyCustomer(graph, customer.customer_id)).toEqual([]);
});

test('seq has no gap and version names the last event, also after concurrent commands', async () => {
  const customer = await customerWithCards(graph, policy);
  const failures = Array.from({ length: 6 }, () => failureOf(customer));
  await Promise.all(failures.map((failure): Promise<Opening> => open(failure, { claim_first: true })));
  const events = await log(customer);
  expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
  const [row] = await graph.read('MATCH (c:Customer {id: $id}) RETURN c.version AS version', {
    id: customer.customer_id,
  });
  expect(row).toEqual({ version: events.length });
});
