import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ChargeAnswer } from '../../domain/ports.ts';
import { attemptKey } from '../../domain/processes.ts';
import type { Claim, Opening, RecoverySnapshot } from '../../domain/recovery/claims.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import { readPolicy } from '../../platform/policy.ts';
import {
  closeVerified,
  onboardingRequest,
  openTestGraph,
  randomToken,
  testHeader,
} from '../../test/graph.ts';
import { customerWithCards, failureOf, type TestWallet } from '../../test/wallets.ts';
import {
  type Graph,
  getPaymentMethods,
  getPaymentMethodToken,
  onboard,
  setCustomerStatus,
  setDefaultPaymentMethod,
  setOffSessionConsent,
  updateDeviceTrustScore,
  updatePaymentMethodStatus,
} from '../index.ts';
import { verifyCustomer } from '../replay/verify.ts';
import {
  adoptGatewayPayment,
  claimAttempt,
  closeRecovery,
  endReview,
  findUnattended,
  flagForReview,
  getRecovery,
  openRecovery,
  openSettled,
  recordAttempt,
} from './index.ts';

vi.setConfig({ testTimeout: 60_000 });

const policy = readPolicy();
const DAY = 86_400_000;
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(() => closeVerified(graph));

const open = async (
  failure: PaymentFailed,
  options: { claim_first?: boolean; key?: string; now?: number } = {},
): Promise<Opening> => (await openWithOthers(failure, options)).opening;

const openWithOthers = (
  failure: PaymentFailed,
  options: { claim_first?: boolean; key?: string; now?: number } = {},
) =>
  openRecovery(
    graph,
    testHeader({ idempotencyKey: options.key ?? randomUUID(), occurredAt: failure.occurred_at }),
    {
      failure,
      policy,
      now: options.now ?? Date.now(),
      claim_first: options.claim_first ?? false,
    },
  );

async function opened(failure: PaymentFailed): Promise<RecoverySnapshot> {
  const opening = await open(failure);
  if (!('recovery' in opening)) throw new Error(`not opened: ${JSON.stringify(opening)}`);
  return opening.recovery;
}

const claim = (payment_id: string, payment_method_id: string, n = 1, now = Date.now()) =>
  claimAttempt(graph, testHeader(), {
    payment_id,
    payment_method_id,
    key: attemptKey(payment_id, payment_method_id, n),
    n,
    policy,
    now,
  });

const record = (
  payment_id: string,
  payment_method_id: string,
  answer: ChargeAnswer,
  n = 1,
  header = testHeader(),
) =>
  recordAttempt(graph, header, {
    payment_id,
    key: attemptKey(payment_id, payment_method_id, n),
    answer,
    policy,
    now: Date.now(),
  });

const approved: ChargeAnswer = { result: 'approved', gateway_ref: 'pi_1', charge_ref: 'ch_1' };
const declined = (decline_code: string): ChargeAnswer => ({
  result: 'declined',
  gateway_ref: 'pi_1',
  codes: { decline_code },
});

const wallet = async ({ customer_id }: TestWallet) =>
  Object.fromEntries(
    (await getPaymentMethods(graph, { customer_id })).map((method) => [method.payment_method_id, method]),
  );
const log = async ({ customer_id }: TestWallet) =>
  graph.read<{ seq: number; type: string; data: string }>(
    'MATCH (e:PersonaEvent {stream_id: $id}) RETURN e.seq AS seq, e.type AS type, e.data AS data ORDER BY e.seq',
    { id: customer_id },
  );
const results = (claims: Claim[]) => claims.map((one) => one.result).sort();

test('a failure opens the obligation, is written down as an attempt of others, and claims the newest alternative', async () => {
  const customer = await customerWithCards(graph, policy);
  const [failed, second, third] = customer.methods as [string, string, string];
  const failure = failureOf(customer);
  const opening = await open(failure, { claim_first: true });
  expect(opening).toMatchObject({
    result: 'opened',
    recovery: {
      state: 'open',
      alternatives: [third, second],
      failure: { class: 'LATER', rule: 'stripe:insufficient_funds' },
    },
    first: { payment_method_id: third, claim: { result: 'claimed', attempt: { n: 1 } } },
  });
  expect(await getRecovery(graph, failure.payment_id)).toMatchObject({
    state: 'charging',
    class: 'LATER',
    failed_payment_method_id: failed,
    amount: 4900,
    currency: 'USD',
    attempts: [{ key: attemptKey(failure.payment_id, third, 1), state: 'in_flight' }],
  });
  const types = (await log(customer)).map((event) => event.type);
  expect(types.slice(-3)).toEqual(['RecoveryOpened', 'RecoveryAttempted', 'ChargeClaimed']);
});

test('the same opening repeated, as after a crash, finds its own claim and writes nothing twice', async () => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer);
  const first = await open(failure, { claim_first: true, key: `open:run-1:${failure.event_id}` });
  const before = await log(customer);
  const again = await open(failure, { claim_first: true, key: `open:run-1:${failure.event_id}` });
  expect(again).toEqual(first);
  expect(await log(customer)).toEqual(before);
});

test('a duplicate, an older and a stale failure change nothing', async () => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer);
  await open(failure);
  const before = await log(customer);
  const older = { ...failure, event_id: randomUUID(), occurred_at: new Date(Date.now() - DAY).toISOString() };
  expect((await open(failure)).result).toBe('unchanged');
  expect((await open(older)).result).toBe('unchanged');
  const stale = failureOf(customer, { occurred_at: new Date(Date.now() - 15 * DAY).toISOString() });
  expect(await open(stale)).toEqual({ result: 'ignored' });
  expect(await getRecovery(graph, stale.payment_id)).toBeUndefined();
  expect(await log(customer)).toEqual(before);
});

test('a newer failure of an open obligation is written down and acts on its method', async () => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer);
  await open(failure);
  const later = new Date(Date.now() + 1_000).toISOString();
  const newer = { ...failure, event_id: randomUUID(), occurred_at: later, decline_code: 'expired_card' };
  expect(await open(newer, { now: Date.now() + 2_000 })).toMatchObject({
    result: 'noted',
    recovery: { failure: { class: 'FIX' } },
  });
  expect((await wallet(customer))[failure.payment_method_id]).toMatchObject({ status: 'expired' });
});

test.each<[string, (failure: PaymentFailed, other: TestWallet) => Partial<PaymentFailed>, string]>([
  ['unknown customer', () => ({ customer_id: randomUUID() }), 'customer_not_found'],
  [
    'another customer’s method',
    (_, other) => ({ payment_method_id: other.methods[0] }),
    'payment_method_not_found',
  ],
  ['another amount', () => ({ amount: 4901 }), 'obligation_mismatch'],
  ['another currency', () => ({ currency: 'EUR' }), 'obligation_mismatch'],
])('a report with an %s is refused and nothing is written', async (_, change, type) => {
  const [customer, other] = await Promise.all([
    customerWithCards(graph, policy),
    customerWithCards(graph, policy, { cards: 1 }),
  ]);
  const failure = failureOf(customer);
  await open(failure);
  const before = await log(customer);
  const occurred_at = new Date(Date.now() + 1_000).toISOString();
  const bad = { ...failure, event_id: randomUUID(), occurred_at, ...change(failure, other) };
  expect(await open(bad)).toMatchObject({ result: 'refused', type });
  expect(await log(customer)).toEqual(before);
});

test.each<[string, string, string, boolean]>([
  ['stolen_card', 'FRAUD', 'compromised', true],
  ['fraudulent', 'FRAUD', 'failed', true],
  ['invalid_account', 'HARD', 'inactive', true],
  ['expired_card', 'FIX', 'expired', true],
  ['revocation_of_authorization', 'STOP', 'active', false],
  ['insufficient_funds', 'LATER', 'active', true],
])('%s is %s: the method becomes %s', async (decline_code, declineClass, status, consent) => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer, { decline_code });
  const opening = await open(failure);
  expect(opening).toMatchObject({ recovery: { failure: { class: declineClass } } });
  const [row] = await graph.read(
    'MATCH (:Customer {id: $id})-[h]->(p:PaymentMethod {id: $pm}) RETURN p.status AS status, h.off_session_consent AS consent',
    { id: customer.customer_id, pm: failure.payment_method_id },
  );
  expect(row).toEqual({ status, consent });
});

test('an approval pays the obligation, makes the charged card the default and frees the others', async () => {
  const customer = await customerWithCards(graph, policy);
  const [failed, second, third] = customer.methods as [string, string, string];
  await setDefaultPaymentMethod(graph, testHeader(), {
    customer_id: customer.customer_id,
    payment_method_id: failed,
    by: 'customer',
  });
  const failure = failureOf(customer);
  const other = await opened(failureOf(customer));
  await open(failure, { claim_first: true });
  const { recorded, others } = await record(failure.payment_id, third, approved);
  expect(recorded).toMatchObject({
    attempt: { state: 'approved', gateway_ref: 'ch_1' },
    obligation_state: 'recovered',
  });
  expect(others).toEqual([other.payment_id]);
  const methods = await wallet(customer);
  expect(methods[third]).toMatchObject({ is_default: true });
  expect(Date.parse(methods[third]?.last_used as string)).toBeGreaterThan(Date.now() - 60_000);
  expect(await getRecovery(graph, failure.payment_id)).toMatchObject({
    state: 'done',
    outcome: 'recovered',
    rule: 'approved',
  });
  expect(await claim(failure.payment_id, second)).toMatchObject({
    result: 'already_paid',
    obligation: { outcome: 'recovered' },
  });
});

test('a default that the customer has chosen meanwhile stays', async () => {
  const customer = await customerWithCards(graph, policy);
  const [failed, second, third] = customer.methods as [string, string, string];
  const { customer_id } = customer;
  await setDefaultPaymentMethod(graph, testHeader(), {
    customer_id,
    payment_method_id: failed,
    by: 'customer',
  });
  const failure = failureOf(customer, { decline_code: 'expired_card' });
  await open(failure, { claim_first: true });
  await setDefaultPaymentMethod(graph, testHeader(), {
    customer_id,
    payment_method_id: second,
    by: 'customer',
  });
  await record(failure.payment_id, third, approved);
  expect((await wallet(customer))[second]).toMatchObject({ is_default: true });
});

test('the default’s place is taken when the failed card lost it by this very failure', async () => {
  const customer = await customerWithCards(graph, policy, { cards: 3 });
  const [failed, second, third] = customer.methods as [string, string, string];
  const { customer_id } = customer;
  await setDefaultPaymentMethod(graph, testHeader(), {
    customer_id,
    payment_method_id: failed,
    by: 'customer',
  });
  const failure = failureOf(customer, { decline_code: 'expired_card' });
  await open(failure, { claim_first: true });
  await record(failure.payment_id, third, declined('insufficient_funds'));
  await claim(failure.payment_id, second);
  await record(failure.payment_id, second, approved);
  expect((await wallet(customer))[second]).toMatchObject({ is_default: true });
});

test('only claimed is remembered: in flight it is claimed again, afterwards resolved', async () => {
  const customer = await customerWithCards(graph, policy);
  const third = customer.methods[2] as string;
  const { payment_id } = await opened(failureOf(customer));
  const first = await claim(payment_id, third);
  expect(first).toMatchObject({ result: 'claimed' });
  expect(await claim(payment_id, third)).toEqual(first);
  await record(payment_id, third, declined('insufficient_funds'));
  expect(await claim(payment_id, third)).toMatchObject({
    result: 'resolved',
    attempt: { state: 'declined', class: 'LATER' },
  });
});

test('whatever is known for certain is not made doubtful again, and recording twice writes once', async () => {
  const customer = await customerWithCards(graph, policy);
  const third = customer.methods[2] as string;
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, third);
  const header = testHeader();
  const first = await record(payment_id, third, approved, 1, header);
  const before = await log(customer);
  expect(await record(payment_id, third, approved, 1, header)).toEqual(first);
  const later = await record(payment_id, third, { result: 'unknown', reason: 'a late timeout' });
  expect(later.recorded.attempt.state).toBe('approved');
  expect(await log(customer)).toEqual(before);
});

test('a second approval is a fact: recorded as overpaid, the obligation stays recovered', async () => {
  const customer = await customerWithCards(graph, policy);
  const [, second, third] = customer.methods as [string, string, string];
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, third);
  await record(payment_id, third, declined('insufficient_funds'));
  await claim(payment_id, second);
  await record(payment_id, second, approved);
  await record(payment_id, third, approved);
  const types = (await log(customer)).map((event) => event.type);
  expect(types.filter((type) => type === 'RecoveryClosed')).toHaveLength(1);
  expect(types.at(-1)).toBe('RecoveryOverpaid');
});

test('of forty claims of one obligation at once, exactly one charge may happen', async () => {
  const customer = await customerWithCards(graph, policy);
  const [, second, third] = customer.methods as [string, string, string];
  const { payment_id } = await opened(failureOf(customer));
  const claims = await Promise.all(
    Array.from({ length: 40 }, (_, index) => claim(payment_id, index % 2 ? second : third)),
  );
  const keys = new Set(claims.flatMap((one) => (one.result === 'claimed' ? [one.attempt.key] : [])));
  expect(keys.size).toBe(1);
  expect(results(claims).filter((result) => result !== 'claimed')).toEqual(Array(20).fill('blocked'));
});

test('two obligations of one customer at once: one is charged, the other waits and is told who stands in the way', async () => {
  const customer = await customerWithCards(graph, policy);
  const [, second, third] = customer.methods as [string, string, string];
  const one = await opened(failureOf(customer));
  const two = await opened(failureOf(customer));
  const claims = await Promise.all([claim(one.payment_id, third), claim(two.payment_id, second)]);
  expect(results(claims)).toEqual(['blocked', 'claimed']);
  const winner = claims[0].result === 'claimed' ? one : two;
  const loser = winner === one ? two : one;
  expect(claims.find((answer) => answer.result === 'blocked')).toMatchObject({ by: winner.payment_id });
  const { others } = await record(winner.payment_id, winner === one ? third : second, approved);
  expect(others).toEqual([loser.payment_id]);
  expect(await claim(loser.payment_id, winner === one ? second : third)).toMatchObject({ result: 'claimed' });
});

test('a doubtful charge blocks its own obligation and its own card, nothing else; a reviewed one too', async () => {
  const plastic = randomUUID();
  const customer = await customerWithCards(graph, policy, { fingerprints: ['', '', plastic] });
  const stranger = await customerWithCards(graph, policy, { fingerprints: ['', '', plastic] });
  const [, second, third] = customer.methods as [string, string, string];
  const one = await opened(failureOf(customer));
  const two = await opened(failureOf(customer));
  await claim(one.payment_id, third);
  await record(one.payment_id, third, { result: 'unknown', reason: 'timeout' });
  expect(await claim(one.payment_id, second)).toMatchObject({ result: 'blocked', by: one.payment_id });
  await flagForReview(graph, testHeader(), { payment_id: one.payment_id, rule: 'attempt_unknown' });
  expect(await claim(one.payment_id, second)).toEqual({ result: 'refused', rule: 'under_review' });
  expect(await claim(two.payment_id, third)).toMatchObject({ result: 'blocked', by: one.payment_id });
  expect(await claim(two.payment_id, second)).toMatchObject({ result: 'claimed' });
  const three = await opened(failureOf(stranger));
  expect(await claim(three.payment_id, stranger.methods[2] as string)).toMatchObject({
    result: 'blocked',
    by: one.payment_id,
  });
});

test('an attempt in flight past its deadline counts as unknown: it no longer blocks the whole customer', async () => {
  const customer = await customerWithCards(graph, policy);
  const [, second, third] = customer.methods as [string, string, string];
  const one = await opened(failureOf(customer));
  const two = await opened(failureOf(customer));
  await claim(one.payment_id, third);
  expect(await claim(two.payment_id, second)).toMatchObject({ result: 'blocked' });
  expect(await claim(two.payment_id, second, 1, Date.now() + 61_000)).toMatchObject({ result: 'claimed' });
});

test('an attempt that was never sent counts for nothing: the next claim takes the next number', async () => {
  const customer = await customerWithCards(graph, policy);
  const third = customer.methods[2] as string;
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, third);
  await record(payment_id, third, { result: 'not_sent', reason: 'connection refused' });
  expect(await claim(payment_id, third)).toMatchObject({ result: 'resolved', attempt: { state: 'void' } });
  expect(await claim(payment_id, third, 2)).toMatchObject({ result: 'claimed', attempt: { n: 2 } });
});

test.each<[string, (customer: TestWallet, method: string) => Promise<unknown>, string]>([
  [
    'the customer is suspended',
    ({ customer_id }) =>
      setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' }),
    'customer_suspended',
  ],
  [
    'consent is withdrawn',
    ({ customer_id }, payment_method_id) =>
      setOffSessionConsent(graph, testHeader(), {
        customer_id,
        payment_method_id,
        off_session_consent: false,
        source: 'customer',
      }),
    'no_consent',
  ],
  [
    'the method is deactivated',
    ({ customer_id }, payment_method_id) =>
      updatePaymentMethodStatus(graph, testHeader(), {
        customer_id,
        payment_method_id,
        status: 'inactive',
        reason: 'test',
      }),
    'method_inactive',
  ],
  [
    'the device has lost its trust',
    async ({ customer_id }) => {
      const [row] = await graph.read<{ id: string }>(
        'MATCH (:Customer {id: $id})-[:LOGGED_IN_FROM]->(d) RETURN d.id AS id',
        {
          id: customer_id,
        },
      );
      const observed_at = new Date(Date.now() + 1_000).toISOString();
      await updateDeviceTrustScore(graph, testHeader(), {
        device_id: row?.id as string,
        trust_score: 0.1,
        observed_at,
      });
    },
    'no_trusted_device',
  ],
])('a claim after %s is refused', async (_, change, rule) => {
  const customer = await customerWithCards(graph, policy);
  const third = customer.methods[2] as string;
  const { payment_id } = await opened(failureOf(customer));
  await change(customer, third);
  expect(await claim(payment_id, third)).toEqual({ result: 'refused', rule });
  expect((await log(customer)).map((event) => event.type)).not.toContain('ChargeClaimed');
});

test('another customer’s card can never be claimed', async () => {
  const customer = await customerWithCards(graph, policy, { cards: 1 });
  const other = await customerWithCards(graph, policy, { cards: 1 });
  const { payment_id } = await opened(failureOf(customer));
  expect(await claim(payment_id, other.methods[0] as string)).toEqual({
    result: 'refused',
    rule: 'method_not_in_wallet',
  });
});

test('what a network forbids for ever is never claimed again, on whichever token and obligation', async () => {
  const plastic = randomUUID();
  const customer = await customerWithCards(graph, policy, { cards: 2, fingerprints: ['', plastic] });
  const again = await customerWithCards(graph, policy, { cards: 2, fingerprints: ['', plastic] });
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, customer.methods[1] as string);
  const codes = { network: 'visa', network_code: '14' };
  await record(payment_id, customer.methods[1] as string, { result: 'declined', codes });
  const other = await opened(failureOf(again));
  const refused = await claim(other.payment_id, again.methods[1] as string);
  const rule = 'never_again:visa:14';
  // A decision, not an error: it stands in the log, and the next claim takes the next number.
  expect(refused).toMatchObject({ result: 'refused', rule, attempt: { n: 1, state: 'void', rule } });
  expect(await claim(other.payment_id, again.methods[1] as string)).toEqual(refused);
  const told = (await log(again)).filter(({ type }) => type === 'RecoveryAttempted');
  expect(told.map(({ data }) => JSON.parse(data).rule).filter((one) => one === rule)).toHaveLength(1);
  expect(await verifyCustomer(graph, again.customer_id)).toEqual([]);
});

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
  await closeRecovery(graph, testHeader(), {
    payment_id: stopped.payment_id,
    outcome: 'stopped',
    rule: 'fraud',
  });
  const twice = await closeRecovery(graph, testHeader(), {
    payment_id: stopped.payment_id,
    outcome: 'exhausted',
    rule: 'x',
  });
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
  await closeRecovery(graph, testHeader(), {
    payment_id: exhausted.payment_id,
    outcome: 'exhausted',
    rule: 'window_over',
  });
  expect(await open(exhausted)).toMatchObject({ result: 'closed', obligation: { outcome: 'exhausted' } });
  const reopened = await open(later(exhausted, 5), { now: Date.now() + 6_000 });
  expect(reopened).toMatchObject({ result: 'reopened', recovery: { state: 'open' } });
  expect(await claim(exhausted.payment_id, third)).toMatchObject({ result: 'claimed' });
});

test('a method that is not proven to be the customer’s cannot make the real one pay', async () => {
  const email = `victim.${randomUUID()}@shop.example`;
  const victim = await customerWithCards(graph, policy, { email });
  const stranger = onboardingRequest({
    digital_identifiers: [{ type: 'email', value: email, is_verified: false }],
    payment_method_details: { type: 'card', token: randomToken(), off_session_consent: true },
  });
  const written = await onboard(graph, testHeader(), { request: stranger, policy });
  expect(written).toMatchObject({ customer_id: victim.customer_id, match: { proven: false } });
  const before = await log(victim);
  const failure = failureOf(victim, { payment_method_id: written.payment_method_id });
  expect(await open(failure)).toMatchObject({ result: 'refused', type: 'payment_method_not_found' });
  expect(await log(victim)).toEqual(before);
});

test('a report from the future is refused: it would make every true one look older', async () => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer, { occurred_at: new Date(Date.now() + DAY).toISOString() });
  expect(await open(failure)).toMatchObject({ result: 'refused', problems: [{ field: 'occurred_at' }] });
});

test('a consent withdrawn for the merchant ends the customer’s other recoveries of that method', async () => {
  const customer = await customerWithCards(graph, policy);
  const same = await opened(failureOf(customer));
  const other = failureOf(customer, { payment_method_id: customer.methods[1] as string });
  await open(other);
  const { others } = await openWithOthers(failureOf(customer, { network: 'visa', network_code: 'R1' }));
  expect(others).toEqual([same.payment_id]);
});

test('what a report teaches about its method counts also after the payment was recovered', async () => {
  const customer = await customerWithCards(graph, policy);
  const third = customer.methods[2] as string;
  const failure = failureOf(customer);
  await open(failure, { claim_first: true });
  await record(failure.payment_id, third, approved);
  const occurred_at = new Date(Date.now() + 1_000).toISOString();
  const stolen = { ...failure, event_id: randomUUID(), occurred_at, decline_code: 'stolen_card' };
  expect(await open(stolen)).toMatchObject({ result: 'closed', obligation: { outcome: 'recovered' } });
  const [row] = await graph.read('MATCH (p:PaymentMethod {id: $id}) RETURN p.status AS status', {
    id: failure.payment_method_id,
  });
  expect(row).toEqual({ status: 'compromised' });
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

test('a person lets an obligation go on from review, and a doubt that is over does so too', async () => {
  const customer = await customerWithCards(graph, policy);
  const third = customer.methods[2] as string;
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, third);
  await record(payment_id, third, { result: 'unknown', reason: 'timeout' });
  await flagForReview(graph, testHeader(), { payment_id, rule: 'attempt_unknown' });
  await record(payment_id, third, declined('insufficient_funds'));
  expect((await getRecovery(graph, payment_id))?.state).toBe('waiting');
  await flagForReview(graph, testHeader(), { payment_id, rule: 'visa:03' });
  await endReview(graph, testHeader(), { payment_id });
  expect((await getRecovery(graph, payment_id))?.state).toBe('waiting');
});

test('a success that another method made is that method’s, whoever hears of it', async () => {
  const customer = await customerWithCards(graph, policy);
  const [, second, third] = customer.methods as [string, string, string];
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, third);
  await record(payment_id, third, { result: 'not_sent', reason: 'no charge' });
  await claim(payment_id, second);
  const token = (
    await getPaymentMethodToken(graph, { customer_id: customer.customer_id, payment_method_id: third })
  )?.reveal();
  const { recorded } = await record(payment_id, second, { ...approved, charged_token: token });
  expect(recorded.attempt).toMatchObject({ payment_method_id: third, state: 'approved' });
  expect((await getRecovery(graph, payment_id))?.attempts.map(({ state }) => state)).toEqual([
    'approved',
    'void',
  ]);
  expect((await wallet(customer))[third]).toMatchObject({ is_default: true });
});

test('the sweep finds what is owed and what is in doubt, page by page', async () => {
  const customer = await customerWithCards(graph, policy);
  const { payment_id } = await opened(failureOf(customer));
  const paid = await opened(failureOf(customer));
  await closeRecovery(graph, testHeader(), {
    payment_id: paid.payment_id,
    outcome: 'stopped',
    rule: 'fraud',
  });
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

test('a settlement of an unknown payment closes it in advance: a failure that comes later charges nothing', async () => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer);
  const { payment_id, customer_id } = failure;
  const settlement = {
    event_id: randomUUID(),
    payment_id,
    customer_id,
    settled_at: new Date().toISOString(),
  };
  const settled = await openSettled(graph, testHeader(), { settlement, policy, now: Date.now() });
  expect(settled).toMatchObject({ result: 'closed', obligation: { outcome: 'paid_elsewhere' } });
  const later = { ...failure, occurred_at: new Date(Date.now() + 1_000).toISOString() };
  expect(await open(later, { claim_first: true })).toMatchObject({
    result: 'closed',
    obligation: { outcome: 'paid_elsewhere' },
  });
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
