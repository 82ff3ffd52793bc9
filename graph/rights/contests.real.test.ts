/** Contests on a real graph: what is contested counts for nothing until it is decided. */

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Correction } from '../../domain/contests.ts';
import type { EventType } from '../../domain/events/event.ts';
import { readPolicy } from '../../platform/policy.ts';
import { onboardingRequest, randomEmail, testGraph, testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf } from '../../test/wallet-fixtures.ts';
import {
  contestEvent,
  createCustomer,
  decideContest,
  getAddresses,
  getAlternativePaymentMethods,
  getCustomerProfile,
  getContests,
  getDevices,
  getEventDetails,
  getNoticeRecipients,
  getPaymentMethods,
  onboard,
  recordDeviceLogin,
  recordPaymentMethodUse,
  removePaymentMethod,
  setCustomerStatus,
  verifyDigitalIdentifier,
} from '../index.ts';
import { claimAttempt, getChargeOrder, openRecovery } from '../recovery/index.ts';
import { attemptKey } from '../../domain/workflow-contracts.ts';

const policy = readPolicy();
const graph = await testGraph();
const EXISTS = { type: 'contest_exists' };

/** The places of the customer's events of a type. */
async function seqsOf(customer_id: string, type: EventType): Promise<number[]> {
  const rows = await graph.read<{ seq: number }>(
    'MATCH (e:PersonaEvent {stream_id: $customer_id, type: $type}) WHERE e.seq > 0 RETURN e.seq AS seq ORDER BY e.seq',
    { customer_id, type },
  );
  return rows.map(({ seq }) => seq);
}

async function contestOf(customer_id: string, type: EventType, at = 0) {
  const seq = (await seqsOf(customer_id, type)).at(at) ?? expect.fail(`no ${type}`);
  const event = { customer_id, seq };
  return {
    seq,
    contest: (reason = 'That was not me.') => contestEvent(graph, testHeader(), { ...event, reason }),
    decide: (decision: 'upheld' | 'rejected', corrections: Correction[] = [], opened_seq?: number) =>
      decideContest(graph, testHeader(), {
        ...event,
        decision,
        corrections,
        explanation: 'We looked at it.',
        ...(opened_seq !== undefined && { opened_seq }),
      }),
  };
}

test('a contested device is not trusted until the contest is rejected, whatever happens meanwhile; upheld, it is gone', async () => {
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards: 2 });
  const [{ device_id } = expect.fail()] = await getDevices(graph, { customer_id });
  const devices = async () =>
    (await getDevices(graph, { customer_id })).map(({ login_count }) => login_count);
  const alternatives = () =>
    getAlternativePaymentMethods(graph, {
      ...{ customer_id, failed_payment_method_id: methods[0] ?? '', policy, now: Date.now() },
    });
  const login = () => recordDeviceLogin(graph, testHeader(), { customer_id, device_id, by: 'service' });
  expect(await devices()).toEqual([2]);
  expect(await alternatives()).toEqual([methods[1]]);

  const linked = await contestOf(customer_id, 'DeviceLinked');
  const tries = await Promise.allSettled(Array.from({ length: 6 }, () => linked.contest()));
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const one of tries) if (one.status === 'rejected') expect(one.reason).toMatchObject(EXISTS);
  expect(await devices()).toEqual([]);
  expect(await alternatives()).toEqual([]);
  await login();
  expect(await devices()).toEqual([]);

  await linked.decide('rejected');
  expect(await devices()).toEqual([3]);
  expect(await alternatives()).toEqual([methods[1]]);
  // The second decision changes nothing.
  await linked.decide('upheld', [{ command: 'unlinkDevice', id: device_id }]);
  expect(await devices()).toEqual([3]);

  await expect(linked.contest()).rejects.toMatchObject(EXISTS);
  await linked.contest('It was never mine.');
  const recorded = await contestOf(customer_id, 'LoginRecorded');
  await recorded.contest();
  // The other contest of the same device is still open.
  await recorded.decide('rejected');
  expect(await devices()).toEqual([]);
  // About the first opening, which was decided before: the second one stays open.
  const [firstSeq, secondSeq] = await seqsOf(customer_id, 'EventContested');
  expect(await linked.decide('rejected', [], firstSeq)).not.toHaveProperty('opened_seq');
  expect(await devices()).toEqual([]);
  const unlink = { command: 'unlinkDevice', id: device_id } as const;
  expect(await linked.decide('upheld', [unlink], secondSeq)).toMatchObject({ opened_seq: secondSeq });
  expect(await devices()).toEqual([]);
  await login();
  expect(await devices()).toEqual([1]);

  const [event] = await getEventDetails(graph, { customer_id, after: linked.seq - 1, limit: 1 });
  expect(event).toMatchObject({
    type: 'DeviceLinked',
    contest: { state: 'upheld', reason: 'It was never mine.', explanation: 'We looked at it.' },
  });
  const [last] = await getEventDetails(graph, {
    ...{ customer_id, after: ((await seqsOf(customer_id, 'ContestDecided')).at(-1) ?? 0) - 1, limit: 1 },
  });
  expect(last).toMatchObject({ data: { decision: 'upheld', explanation: 'We looked at it.' } });
  const states = (await getContests(graph, { customer_id, limit: 10 })).map(({ seq, state }) => [seq, state]);
  expect(states).toEqual([
    [recorded.seq, 'rejected'],
    [linked.seq, 'upheld'],
  ]);
  const [newest = expect.fail()] = await getContests(graph, { customer_id, limit: 1 });
  const rest = await getContests(graph, { customer_id, limit: 10, before: newest });
  expect(rest.map(({ seq }) => seq)).toEqual([linked.seq]);
});

test('a contested card is not the default, and is not charged, not even if it was claimed before', async () => {
  const wallet = await customerWithCards(graph, policy, { cards: 3 });
  const { customer_id, methods } = wallet;
  const [first = '', second = '', third = ''] = methods;
  const shown = async () =>
    (await getPaymentMethods(graph, { customer_id })).map(({ payment_method_id, is_default }) =>
      is_default ? `default ${payment_method_id}` : payment_method_id,
    );
  const failure = failureOf(wallet);
  const { payment_id } = failure;
  const header = testHeader({ occurredAt: failure.occurred_at });
  await openRecovery(graph, header, { failure, policy, now: Date.now(), claim_first: false });
  const claim = (payment_method_id: string) => {
    const key = attemptKey(payment_id, payment_method_id, 1);
    return claimAttempt(graph, testHeader(), {
      payment_id,
      payment_method_id,
      key,
      n: 1,
      policy,
      now: Date.now(),
    });
  };
  expect(await claim(third)).toMatchObject({ result: 'claimed' });

  const addedThird = await contestOf(customer_id, 'PaymentMethodAdded', 2);
  const addedSecond = await contestOf(customer_id, 'PaymentMethodAdded', 1);
  expect(await shown()).toEqual([`default ${first}`, third, second]);
  await addedThird.contest();
  await addedSecond.contest();
  const order = await getChargeOrder(graph, { key: attemptKey(payment_id, third, 1), payment_id });
  expect(order.forbidden).toBe('the method is not proven to be the customer’s');
  expect(await shown()).toEqual([`default ${first}`]);
  const use = { customer_id, payment_method_id: third };
  await recordPaymentMethodUse(graph, testHeader(), use);
  expect(await shown()).toEqual([`default ${first}`]);

  expect(await addedThird.decide('rejected')).toMatchObject({ restored_payment_method_ids: [third] });
  expect(await shown()).toEqual([`default ${first}`, third]);
  const removal = { command: 'removePaymentMethod', id: second } as const;
  expect(await addedSecond.decide('upheld', [removal])).toMatchObject({
    removed_payment_method_ids: [second],
  });
  expect(await shown()).toEqual([`default ${first}`, third]);

  // The default is contested, and its customer removes it before the decision.
  const addedFirst = await contestOf(customer_id, 'PaymentMethodAdded');
  await addedFirst.contest();
  expect(await shown()).toEqual([`default ${third}`]);
  await removePaymentMethod(graph, testHeader(), { customer_id, payment_method_id: first, by: 'service' });
  const again = { command: 'removePaymentMethod', id: first } as const;
  expect(await addedFirst.decide('upheld', [again])).toMatchObject({ removed_payment_method_ids: [] });
  expect(await shown()).toEqual([`default ${third}`]);
});

test('a contested identifier proves nothing and receives nothing; a contested address is no default', async () => {
  const email = randomEmail();
  const request = (street1: string) =>
    onboardingRequest({
      digital_identifiers: [{ type: 'email', value: email, is_verified: true }],
      address_details: { type: 'shipping', street1, city: 'Bonn', zip_code: '53111', country: 'DE' },
    });
  const order = (street1: string) => onboard(graph, testHeader(), { request: request(street1), policy });
  const { customer_id } = await order('Am Hof 1');
  expect(await order('Am Hof 2')).toMatchObject({ customer_id, match: { rule: 'email', proven: true } });
  const addresses = async () =>
    (await getAddresses(graph, { customer_id })).map(({ street1, is_default }) => `${street1} ${is_default}`);
  expect(await addresses()).toEqual(['Am Hof 1 true', 'Am Hof 2 false']);
  const address = await contestOf(customer_id, 'AddressAdded');
  await address.contest();
  expect(await addresses()).toEqual(['Am Hof 2 true']);
  await order('Am Hof 1');
  expect(await addresses()).toEqual(['Am Hof 2 true']);
  await address.decide('rejected');
  expect(await addresses()).toEqual(['Am Hof 2 true', 'Am Hof 1 false']);

  const added = await contestOf(customer_id, 'DigitalIdentifierAdded');
  await added.contest();
  const { identifiers } = await getCustomerProfile(graph, { customer_id });
  expect(identifiers).toMatchObject([{ is_verified: false }]);
  expect(await getNoticeRecipients(graph, { customer_id })).not.toHaveProperty('usual');
  const stranger = await order('Am Hof 3');
  expect(stranger).toMatchObject({
    ...{ match: { rule: 'none', suggested_customer_ids: [] }, warnings: ['email_belongs_to_other_customer'] },
  });
  expect(stranger.customer_id).not.toBe(customer_id);
  const [{ identifier_id } = expect.fail()] = identifiers;
  const verify = verifyDigitalIdentifier(graph, testHeader(), { customer_id, identifier_id, by: 'service' });
  await expect(verify).rejects.toMatchObject({ type: 'illegal_transition' });
  await added.decide('rejected');
  expect(await order('Am Hof 2')).toMatchObject({ customer_id, match: { rule: 'email', proven: true } });

  await added.contest('It is my neighbour’s.');
  await added.decide('upheld', [{ command: 'removeDigitalIdentifier', id: identifier_id }]);
  expect((await getCustomerProfile(graph, { customer_id })).identifiers).toEqual([]);
  const other = await order('Am Hof 4');
  expect(other).toMatchObject({ created: true, warnings: [] });
});

test('a suspended customer may contest; what is no event of theirs, or states no fact, is refused', async () => {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  await setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
  const header = testHeader();
  const contested = { customer_id, seq: 2, reason: 'I did nothing.' };
  const first = await contestEvent(graph, header, contested);
  expect(await contestEvent(graph, header, contested)).toEqual(first);
  const [, suspension] = await getEventDetails(graph, { customer_id, after: 0, limit: 2 });
  // It only awaits an operator: contesting a suspension does not lift it.
  expect(suspension).toMatchObject({ contest: { state: 'open', reason: 'I did nothing.' } });
  expect(await getCustomerProfile(graph, { customer_id })).toMatchObject({ status: 'suspended' });
  const refusalOf = (change: object) => contestEvent(graph, testHeader(), { ...contested, ...change });
  await expect(refusalOf({ seq: 3 })).rejects.toMatchObject({ type: 'event_not_contestable' });
  await expect(refusalOf({ seq: 4 })).rejects.toMatchObject({ type: 'event_not_found' });
  await expect(refusalOf({ customer_id: randomUUID() })).rejects.toMatchObject({
    type: 'customer_not_found',
  });
  const stored = await graph.read<{ reason: string }>(
    'MATCH (x:Contest {customer_id: $customer_id}) RETURN x.reason AS reason',
    { customer_id },
  );
  expect(stored.map(({ reason }) => reason.slice(0, 3))).toEqual(['s1:']);
});
