import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Opening } from '../../domain/recovery/claims.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import { testHeader } from '../../test/graph.ts';
import { customerWithCards, failureOf } from '../../test/wallets.ts';
import { verifyCustomer } from '../replay/verify.ts';
import { adoptGatewayPayment, findUnattended, flagForReview } from './index.ts';
import { approved, declined, recoveryCommands } from './testing.ts';

const { graph, policy, open, opened, claim, record, close, log } = await recoveryCommands();

test('closed is closed: it stays as it was decided first, and only exhausted or cancelled ones reopen', async () => {
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
  const twice = await close(stopped.payment_id, { outcome: 'exhausted', rule: 'x' });
  expect(twice).toMatchObject({ obligation: { outcome: 'stopped', rule: 'fraud' } });
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

test('one payment at the gateway is one obligation’s alone', async () => {
  const customer = await customerWithCards(graph, policy);
  const one = await opened(failureOf(customer, { gateway_payment_ref: 'pi_shared' }));
  const two = await opened(failureOf(customer, { gateway_payment_ref: 'pi_shared' }));
  const gateway_ref = `pi_${randomUUID()}`;
  const adopted = await Promise.all(
    [one, two].map(({ payment_id }) => adoptGatewayPayment(graph, testHeader(), { payment_id, gateway_ref })),
  );
  expect(adopted.filter(Boolean)).toHaveLength(1);
});

test('the sweep finds what is owed and what is in doubt, page by page', async () => {
  const customer = await customerWithCards(graph, policy);
  const { payment_id } = await opened(failureOf(customer));
  const paid = await opened(failureOf(customer));
  await close(paid.payment_id, { outcome: 'stopped', rule: 'fraud' });
  const found: string[] = [];
  for (let after = ''; ; ) {
    const page = await findUnattended(graph, { after, limit: 50, now: Date.now() });
    found.push(...page);
    if (page.length < 50) break;
    after = page.at(-1) as string;
  }
  expect(found).toContain(payment_id);
  expect(found).not.toContain(paid.payment_id);
});

test('after a life of recoveries the log says what the graph says', async () => {
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

test('seq has no gap and version names the last event, whatever happened at once', async () => {
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
