import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { onboardingRequest, randomToken, testHeader } from '../../test/test-graph.ts';
import { recordingGraph } from '../../test/recording-graph.ts';
import { customerWithCards, failureOf, type TestWallet } from '../../test/wallet-fixtures.ts';
import {
  onboard,
  setCustomerStatus,
  setOffSessionConsent,
  updateDeviceTrustScore,
  updatePaymentMethodStatus,
} from '../index.ts';
import { verifyCustomer } from '../replay/verify.ts';
import { flagForReview, getRecovery } from './index.ts';
import {
  approved,
  commandsOn,
  declined,
  notSent,
  recoveryCommands,
  sortedResults,
} from './recovery-fixtures.ts';

const { graph, policy, open, opened, claim, record, close, log } = await recoveryCommands();

test('only a claim is stored: repeated, it returns claimed while in flight, and resolved afterwards', async () => {
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

test('a claim and its result each change the version of the recovery', async () => {
  const customer = await customerWithCards(graph, policy);
  const third = customer.methods[2] as string;
  const { payment_id } = await opened(failureOf(customer));
  const version = async () => (await getRecovery(graph, payment_id))?.changed_seq ?? 0;
  const beforeClaim = await version();
  await claim(payment_id, third);
  const claimed = await version();
  expect(claimed).toBeGreaterThan(beforeClaim);
  await record(payment_id, third, declined('insufficient_funds'));
  expect(await version()).toBeGreaterThan(claimed);
  expect(await verifyCustomer(graph, customer.customer_id)).toEqual([]);
});

test('of forty concurrent claims of one obligation, exactly one may charge', async () => {
  const customer = await customerWithCards(graph, policy);
  const [, second, third] = customer.methods as [string, string, string];
  const { payment_id } = await opened(failureOf(customer));
  const claims = await Promise.all(
    Array.from({ length: 40 }, (_, index) => claim(payment_id, index % 2 ? second : third)),
  );
  const keys = new Set(claims.flatMap((one) => (one.result === 'claimed' ? [one.attempt.key] : [])));
  expect(keys.size).toBe(1);
  expect(sortedResults(claims).filter((result) => result !== 'claimed')).toEqual(Array(20).fill('blocked'));
});

test('of two concurrent obligations of one customer, one is charged and the other waits, knowing what blocks it', async () => {
  const customer = await customerWithCards(graph, policy);
  const [, second, third] = customer.methods as [string, string, string];
  const one = await opened(failureOf(customer));
  const two = await opened(failureOf(customer));
  const claims = await Promise.all([claim(one.payment_id, third), claim(two.payment_id, second)]);
  expect(sortedResults(claims)).toEqual(['blocked', 'claimed']);
  const winner = claims[0].result === 'claimed' ? one : two;
  const loser = winner === one ? two : one;
  expect(claims.find((answer) => answer.result === 'blocked')).toMatchObject({ by: winner.payment_id });
  const { unblocked } = await record(winner.payment_id, winner === one ? third : second, approved);
  expect(unblocked).toEqual([loser.payment_id]);
  expect(await claim(loser.payment_id, winner === one ? second : third)).toMatchObject({ result: 'claimed' });
});

test('an obligation with the same card is woken when a charge on it is resolved, and not before', async () => {
  const fingerprint = randomUUID();
  const holders = await Promise.all(
    [1, 2].map(() => customerWithCards(graph, policy, { cards: 2, fingerprints: ['', fingerprint] })),
  );
  const [one, other] = holders as [TestWallet, TestWallet];
  const charged = await opened(failureOf(one));
  const waiting = await opened(failureOf(other));
  const [, card] = one.methods as [string, string];
  const [, same] = other.methods as [string, string];
  await claim(charged.payment_id, card);
  const unknown = { result: 'unknown', reason: 'timeout' } as const;
  expect(await record(charged.payment_id, card, unknown)).toMatchObject({ unblocked: [] });
  expect(await claim(waiting.payment_id, same)).toMatchObject({ result: 'blocked', what: 'instrument' });
  expect(await record(charged.payment_id, card, notSent)).toMatchObject({ unblocked: [waiting.payment_id] });
  expect(await claim(waiting.payment_id, same)).toMatchObject({ result: 'claimed' });
});

test('only obligations whose claim was blocked are woken, of any customer, each by what blocked it last', async () => {
  const fingerprint = randomUUID();
  const holder = () => customerWithCards(graph, policy, { fingerprints: ['', '', fingerprint] });
  const [one, other, idle] = (await Promise.all([holder(), holder(), holder()])) as [
    TestWallet,
    TestWallet,
    TestWallet,
  ];
  const [, second, card] = one.methods as [string, string, string];
  const charged = await opened(failureOf(one));
  const [blocked, cancelled] = [await opened(failureOf(one)), await opened(failureOf(one))];
  // Neither of these has claimed anything.
  await opened(failureOf(one));
  await opened(failureOf(idle));
  const waiting = await opened(failureOf(other));
  await claim(charged.payment_id, card);
  for (const { payment_id } of [blocked, cancelled])
    expect(await claim(payment_id, second)).toMatchObject({ result: 'blocked', what: 'customer' });
  await close(cancelled.payment_id, { outcome: 'cancelled', rule: 'test' });
  const otherCard = String(other.methods[2]);
  expect(await claim(waiting.payment_id, otherCard)).toMatchObject({ result: 'blocked', what: 'instrument' });
  // Once unknown, it no longer blocks its customer, but every obligation with its card.
  const unknown = { result: 'unknown', reason: 'timeout' } as const;
  expect((await record(charged.payment_id, card, unknown)).unblocked).toEqual([blocked.payment_id]);
  expect(await claim(blocked.payment_id, card)).toMatchObject({ result: 'blocked', what: 'instrument' });
  const { unblocked } = await record(charged.payment_id, card, notSent);
  expect(unblocked).toEqual([blocked.payment_id, waiting.payment_id].sort());
  // It was not blocked by the next charge, and so is not woken when that ends.
  expect(await claim(blocked.payment_id, card)).toMatchObject({ result: 'claimed' });
  expect((await record(blocked.payment_id, card, notSent)).unblocked).toEqual([]);
});

test('a claim that is blocked while the blocking attempt is being resolved is woken', async () => {
  const fingerprint = randomUUID();
  const [one, other] = (await Promise.all(
    [1, 2].map(() => customerWithCards(graph, policy, { cards: 2, fingerprints: ['', fingerprint] })),
  )) as [TestWallet, TestWallet];
  const [card, same] = [String(one.methods[1]), String(other.methods[1])];
  const charged = await opened(failureOf(one));
  const waiting = await opened(failureOf(other));
  for (let n = 1; n <= 12; n++) {
    expect(await claim(charged.payment_id, card, n)).toMatchObject({ result: 'claimed' });
    const [claimed, { unblocked }] = await Promise.all([
      claim(waiting.payment_id, same, n),
      record(charged.payment_id, card, notSent, n),
    ]);
    if (claimed.result === 'blocked') expect(unblocked).toEqual([waiting.payment_id]);
    else await record(waiting.payment_id, same, notSent, n);
  }
});

test('an unresolved charge blocks only its obligation and its card, also under review', async () => {
  const fingerprint = randomUUID();
  const customer = await customerWithCards(graph, policy, { fingerprints: ['', '', fingerprint] });
  const otherCustomer = await customerWithCards(graph, policy, { fingerprints: ['', '', fingerprint] });
  const [, second, third] = customer.methods as [string, string, string];
  const one = await opened(failureOf(customer));
  const two = await opened(failureOf(customer));
  await claim(one.payment_id, third);
  await record(one.payment_id, third, { result: 'unknown', reason: 'timeout' });
  expect(await claim(one.payment_id, second)).toMatchObject({
    result: 'blocked',
    by: one.payment_id,
    own: { state: 'unknown' },
  });
  await flagForReview(graph, testHeader(), { payment_id: one.payment_id, rule: 'attempt_unknown' });
  expect(await claim(one.payment_id, second)).toEqual({ result: 'refused', rule: 'under_review' });
  expect(await claim(two.payment_id, third)).toMatchObject({ result: 'blocked', by: one.payment_id });
  expect(await claim(two.payment_id, second)).toMatchObject({ result: 'claimed' });
  const three = await opened(failureOf(otherCustomer));
  expect(await claim(three.payment_id, otherCustomer.methods[2] as string)).toMatchObject({
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

test('an attempt that was never sent does not count: the next claim takes the next number', async () => {
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
    'suspension of the customer',
    ({ customer_id }) =>
      setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' }),
    'customer_suspended',
  ],
  [
    'withdrawal of consent',
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
    'deactivation of the method',
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
    'loss of the device’s trust',
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

test('another customer’s card cannot be claimed', async () => {
  const customer = await customerWithCards(graph, policy, { cards: 1 });
  const other = await customerWithCards(graph, policy, { cards: 1 });
  const { payment_id } = await opened(failureOf(customer));
  expect(await claim(payment_id, other.methods[0] as string)).toEqual({
    result: 'refused',
    rule: 'method_not_in_wallet',
  });
});

test('a card that a network forbids permanently is never claimed again, on any token or obligation', async () => {
  const fingerprint = randomUUID();
  const customer = await customerWithCards(graph, policy, { cards: 2, fingerprints: ['', fingerprint] });
  const again = await customerWithCards(graph, policy, { cards: 2, fingerprints: ['', fingerprint] });
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, customer.methods[1] as string);
  const codes = { network: 'visa', network_code: '14' };
  await record(payment_id, customer.methods[1] as string, { result: 'declined', codes });
  const other = await opened(failureOf(again));
  const refused = await claim(other.payment_id, again.methods[1] as string);
  const rule = 'never_again:visa:14';
  // A decision, not an error: it is logged, and the next claim takes the next number.
  expect(refused).toMatchObject({ result: 'refused', rule, attempt: { n: 1, state: 'void', rule } });
  expect(await claim(other.payment_id, again.methods[1] as string)).toEqual(refused);
  const recordedAttempts = (await log(again)).filter(({ type }) => type === 'RecoveryAttempted');
  expect(
    recordedAttempts.map(({ data }) => JSON.parse(data).rule).filter((one) => one === rule),
  ).toHaveLength(1);
  expect(await verifyCustomer(graph, again.customer_id)).toEqual([]);
});

/** Mastercard: 10 consecutive declines in 24 hours. */
const DECLINES_IN_A_DAY = 10;

test('the last attempt that a ceiling allows is claimed once, however many holders of the card claim it concurrently', async () => {
  const fingerprints = ['', randomUUID()];
  const wallets = await Promise.all(
    [1, 2, 3].map(() => customerWithCards(graph, policy, { cards: 2, network: 'mastercard', fingerprints })),
  );
  const [first] = wallets as [TestWallet];
  for (let decline = 1; decline < DECLINES_IN_A_DAY; decline++) {
    await opened(failureOf(first, { payment_method_id: first.methods[1] as string }));
  }
  const holders = await Promise.all(
    wallets.map(async (customer) => ({
      ...(await opened(failureOf(customer))),
      card: customer.methods[1] as string,
      n: 1,
    })),
  );
  const race = () => Promise.all(holders.map(({ payment_id, card, n }) => claim(payment_id, card, n)));
  for (let round = 1; round <= 40; round++) {
    const claims = await race();
    expect(sortedResults(claims), `round ${round}`).toEqual(['blocked', 'blocked', 'claimed']);
    const winner = holders[claims.findIndex(({ result }) => result === 'claimed')]!;
    // It never arrived, so the attempt is available again.
    if (round < 40) await record(winner.payment_id, winner.card, notSent, winner.n++);
    else await record(winner.payment_id, winner.card, declined('insufficient_funds'), winner.n++);
  }
  for (const answer of await race()) {
    expect(answer).toMatchObject({ result: 'refused', rule: expect.stringContaining('ceiling:mastercard') });
  }
});

test('only a card that another customer holds as well is locked: an ordinary claim takes no such lock', async () => {
  const fingerprint = randomUUID();
  const alone = await customerWithCards(graph, policy, {
    cards: 3,
    fingerprints: ['', fingerprint, fingerprint],
  });
  const { graph: recorded, statements } = recordingGraph(graph);
  const { opened: open, claim: claimOn } = commandsOn(recorded, policy);
  const locks = () => [...statements.keys()].filter((cypher) => cypher.includes('IdentityLock'));
  const first = await open(failureOf(alone));
  expect(await claimOn(first.payment_id, alone.methods[1] as string)).toMatchObject({ result: 'claimed' });
  expect(locks()).toEqual([]);
  const other = await customerWithCards(graph, policy, { cards: 2, fingerprints: ['', fingerprint] });
  const second = await open(failureOf(other));
  expect(await claimOn(second.payment_id, other.methods[1] as string)).toMatchObject({ result: 'blocked' });
  expect(locks()).toHaveLength(1);
});

test('a method that is not proven to be the customer’s cannot make the real customer pay', async () => {
  const email = `victim.${randomUUID()}@shop.example`;
  const victim = await customerWithCards(graph, policy, { email });
  const otherCustomer = onboardingRequest({
    digital_identifiers: [{ type: 'email', value: email, is_verified: false }],
    payment_method_details: { type: 'card', token: randomToken(), off_session_consent: true },
  });
  const written = await onboard(graph, testHeader(), { request: otherCustomer, policy });
  expect(written).toMatchObject({ customer_id: victim.customer_id, match: { proven: false } });
  const before = await log(victim);
  const failure = failureOf(victim, { payment_method_id: written.payment_method_id });
  expect(await open(failure)).toMatchObject({ result: 'refused', type: 'payment_method_not_found' });
  expect(await log(victim)).toEqual(before);
});
