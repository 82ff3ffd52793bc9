/** The reconciliation on a real graph, with a gateway whose webhooks are lost. */

import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStripeRecords } from '../adapters/stripe/records.ts';
import { PersonaError } from '../domain/errors.ts';
import type { PaymentGateway } from '../domain/ports.ts';
import type { GatewayChange, Report } from '../domain/workflow-contracts.ts';
import type { GatewayRecords } from '../domain/reconciliation/records.ts';
import type { SliceResult } from '../domain/reconciliation/totals.ts';
import {
  addPaymentMethod,
  getGatewayCustomer,
  getPaymentMethod,
  onboard,
  readWallet,
  removePaymentMethod,
  requestMethodUpdate,
  setOffSessionConsent,
} from '../graph/index.ts';
import { getMismatches, getPass, getWalletMismatches } from '../graph/reconciliation/index.ts';
import { getChargeOrder, getRecovery } from '../graph/recovery/index.ts';
import { verifyCustomer } from '../graph/replay/verify.ts';
import { readPolicy } from '../platform/policy.ts';
import {
  excludeFromVerification,
  onboardingRequest,
  randomToken,
  runCypher,
  testHeader,
} from '../test/test-graph.ts';
import { type CardHolder, startWebhooks, type WebhookFixture } from '../test/webhook-fixture.ts';
import type { ReconcilePlan, Stage } from '../workflows/reconcile-payment-methods.ts';
import { createFollowActivities } from './follow-gateway.ts';
import { createReconcileActivities } from './reconciliation.ts';

const policy = readPolicy();
const MINUTES = 60_000;
/** A little more than a day ahead. */
const tomorrow = () => Date.now() + 25 * 60 * MINUTES;
/** Late enough that a charge made just now is compared. */
const later = () => Date.now() + 20 * MINUTES;

let fixture: WebhookFixture;
let records: GatewayRecords;
beforeAll(async () => {
  fixture = await startWebhooks();
  fixture.outage.active = true;
  records = createStripeRecords({ apiKey: 'sk_test_1', apiBase: fixture.stripe.url });
});
afterAll(() => fixture.close());

/** The reconciliation, with what it passes on; a gateway update is followed immediately, as its workflow would. */
function reconciliation(
  recordOverrides: Partial<GatewayRecords> = {},
  now = later,
  graph = fixture.graph,
  gateway = fixture.stripe.gateway as PaymentGateway,
) {
  const signals: string[] = [];
  const changes: GatewayChange[] = [];
  const reports: Report[] = [];
  const signalRecoveries = async (ids: readonly string[], signal: string) =>
    void signals.push(...ids.map((id) => `${signal} ${id}`));
  const follow = createFollowActivities({ graph, gateway, signalRecoveries, now });
  const activities = createReconcileActivities({
    ...{ graph, policy, signalRecoveries, now },
    records: { ...records, ...recordOverrides },
    async followChange(customer_id, change) {
      changes.push(change);
      const activity = {
        payment_method: follow.followPaymentMethod,
        mandate: follow.followMandate,
        refunds: follow.followRefunds,
        dispute: follow.followDispute,
        fraud_warning: follow.followDispute,
      }[change.changed];
      const own = { ...change, ...(customer_id && { customer_id }) };
      await new MockActivityEnvironment({ activityId: randomUUID() }).run(activity as never, own);
    },
    sendReport: async (report) => void reports.push(report),
  });
  return { activities, signals, changes, reports };
}

/** The cursor just before this customer. */
const before = (id: string) => `${id.slice(0, -1)}${id.endsWith('0') ? '/' : '0'}`.replace(/0$/, '/');

interface Attempt {
  dryRun?: boolean;
  heartbeatDetails?: unknown;
  onHeartbeat?: (details: unknown) => void;
  activityId?: string;
}

async function slice(
  { activities }: ReturnType<typeof reconciliation>,
  stage: Stage,
  plan: Partial<ReconcilePlan>,
  { dryRun = false, heartbeatDetails, onHeartbeat, activityId = randomUUID() }: Attempt = {},
): Promise<SliceResult> {
  const environment = new MockActivityEnvironment(
    { activityId, heartbeatDetails },
    { logger: new DefaultLogger('ERROR', () => {}) },
  );
  if (onHeartbeat) environment.on('heartbeat', onHeartbeat);
  const all = await environment.run(activities.planReconciliation, { all: true });
  const whole = { ...(all as ReconcilePlan), ...plan };
  const activity = stage === 'wallets' ? activities.compareWallets : activities.compareRecords;
  const after = stage === 'wallets' ? whole.pass.after : '';
  const input = { stage, after, done: 0, plan: whole, dry_run: dryRun };
  return (await environment.run(activity, input)) as SliceResult;
}

const planFor = ({ customer_id }: CardHolder): Partial<ReconcilePlan> => ({
  pass: { began_at: 0, after: before(customer_id), done: 0 },
  quota: 1,
  keep: false,
});
const methodOf = (holder: CardHolder) =>
  getPaymentMethod(fixture.graph, holder).catch((error: PersonaError) => error.type);
const eventsOf = (customer_id: string) =>
  fixture.graph.read<{ type: string; source: string; seq: number }>(
    'MATCH (e:PersonaEvent {stream_id: $customer_id}) RETURN e.type AS type, e.source AS source, e.seq AS seq ORDER BY e.seq',
    { customer_id },
  );
const setCardAtGateway = (holder: CardHolder, card: object, more: object = {}) =>
  fixture.stripe.sim(`/payment_methods/${holder.token}`, 'PUT', {
    ...{ type: 'card', customer: holder.gateway_customer_ref, card },
    ...more,
  });

test('a wallet that matches the gateway writes no event', async () => {
  const holder = await fixture.cardHolder();
  const events = await eventsOf(holder.customer_id);
  const run = reconciliation();
  expect(await slice(run, 'wallets', planFor(holder))).toEqual({
    ...{ compared: 1, corrected: 0, listed: 0, repaired: 0, differences: [] },
  });
  expect(run.changes).toEqual([]);
  expect(await eventsOf(holder.customer_id)).toEqual(events);
});

test('a card that was detached without a webhook leaves the wallet once, with reconciliation as its source', async () => {
  const holder = await fixture.cardHolder();
  const { customer_id, payment_method_id } = holder;
  await fixture.stripe.detach(holder.token);
  const dry = reconciliation();
  const found = { found: 'detached', customer_id, payment_method_id };
  expect(await slice(dry, 'wallets', planFor(holder), { dryRun: true })).toMatchObject({
    ...{ corrected: 1, differences: [found] },
  });
  expect(dry.changes).toEqual([]);
  expect(await methodOf(holder)).toMatchObject({ status: 'active' });

  const run = reconciliation();
  expect(await slice(run, 'wallets', planFor(holder))).toMatchObject({ corrected: 1, differences: [found] });
  expect(await methodOf(holder)).toBe('payment_method_not_found');
  const [event] = (await eventsOf(customer_id)).filter(({ type }) => type === 'PaymentMethodRemoved');
  expect(event).toMatchObject({ source: 'reconciliation' });
  const events = await eventsOf(customer_id);
  expect(await slice(reconciliation(), 'wallets', planFor(holder))).toMatchObject({ corrected: 0 });
  expect(await eventsOf(customer_id)).toEqual(events);
});

test('a card that has expired at the gateway expires without a signal to recoveries', async () => {
  const holder = await fixture.cardHolder();
  await setCardAtGateway(holder, { exp_month: 1, exp_year: 2020 });
  const run = reconciliation();
  expect(await slice(run, 'wallets', planFor(holder))).toMatchObject({
    differences: [{ found: 'newer', fields: expect.arrayContaining(['expiry_year']) }],
  });
  expect(await methodOf(holder)).toMatchObject({ status: 'expired', expiry_year: 2020 });
  expect(run.signals).toEqual([]);
});

test('a replaced card is corrected, and other last digits of the same number are listed until they match again', async () => {
  const { graph } = fixture;
  const replaced = await fixture.cardHolder();
  await setCardAtGateway(replaced, { last4: '1881', fingerprint: `fp_${randomUUID()}` });
  await slice(reconciliation(), 'wallets', planFor(replaced));
  expect(await methodOf(replaced)).toMatchObject({ last_four: '1881', status: 'active' });

  const fingerprint = `fp_${randomUUID()}`;
  const mismatched = await fixture.cardHolder([], { last4: '4242', fingerprint });
  const { customer_id, payment_method_id } = mismatched;
  const listed = async () => {
    const page = await getMismatches(graph, {
      mismatch: 'other_number',
      after: before(payment_method_id),
      limit: 1,
    });
    return page.filter((one) => one.payment_method_id === payment_method_id);
  };
  await setCardAtGateway(mismatched, { last4: '1881', fingerprint });
  const run = reconciliation();
  const seen = { found: 'other_number', customer_id, payment_method_id };
  expect(await slice(run, 'wallets', planFor(mismatched))).toMatchObject({ listed: 1, differences: [seen] });
  expect(run.changes).toEqual([]);
  expect(await methodOf(mismatched)).toMatchObject({ last_four: '4242' });
  expect(await listed()).toEqual([{ customer_id, payment_method_id, mismatch: 'other_number' }]);
  const events = await eventsOf(customer_id);
  await slice(reconciliation(), 'wallets', planFor(mismatched));
  expect(await eventsOf(customer_id)).toEqual(events);

  await setCardAtGateway(mismatched, { last4: '4242', fingerprint });
  await slice(reconciliation(), 'wallets', planFor(mismatched));
  expect(await listed()).toEqual([]);
});

test('a method that is unknown at the gateway, or another customer’s there, is unchanged and listed', async () => {
  const unknown = await fixture.cardHolder();
  const nothing = { methodsOf: async () => ({ items: [] }), getPaymentMethod: async () => undefined };
  expect(await slice(reconciliation(nothing), 'wallets', planFor(unknown))).toMatchObject({
    listed: 1,
    differences: [{ found: 'unknown_there' }],
  });
  const [moved, other] = [await fixture.cardHolder(), await fixture.cardHolder()];
  await setCardAtGateway(moved, {}, { customer: other.gateway_customer_ref });
  const run = reconciliation();
  expect(await slice(run, 'wallets', planFor(moved))).toMatchObject({
    listed: 1,
    differences: [{ found: 'other_owner' }],
  });
  for (const holder of [unknown, moved]) expect(await methodOf(holder)).toMatchObject({ status: 'active' });
  // A method of another customer is not charged until an operator has reviewed it: neither claimed, nor sent once claimed.
  const claimed = await fixture.recovery(unknown);
  await setCardAtGateway(unknown, {}, { customer: other.gateway_customer_ref });
  await slice(reconciliation(), 'wallets', planFor(unknown));
  const order = await getChargeOrder(fixture.graph, { key: claimed.order.key });
  expect(order).toMatchObject({ forbidden: expect.stringContaining('another customer') });
  await expect(fixture.recovery(moved)).rejects.toThrow('method_of_other_customer');
  expect(await methodOf(moved)).toMatchObject({ is_default: false });
  await setCardAtGateway(moved, {});
  expect(await slice(reconciliation(), 'wallets', planFor(moved))).toMatchObject({ listed: 0 });
  expect(await methodOf(moved)).toMatchObject({ is_default: true });
  // The other customer's wallet is unchanged: it never had the card.
  expect(await slice(reconciliation(), 'wallets', planFor(other))).toMatchObject({ corrected: 0, listed: 0 });
});

test('a removed card that is still attached at the gateway is detached after a grace period', async () => {
  const { graph, stripe } = fixture;
  const holder = await fixture.cardHolder();
  const { customer_id, payment_method_id, token } = holder;
  await removePaymentMethod(graph, testHeader(), { customer_id, payment_method_id, by: 'customer' });
  const events = await eventsOf(customer_id);
  // Its own run may still be in progress.
  const underWay = reconciliation();
  expect(await slice(underWay, 'wallets', planFor(holder))).toMatchObject({ corrected: 0, listed: 0 });

  const dry = reconciliation({}, tomorrow);
  const found = { found: 'left_behind', customer_id, payment_method_id };
  const dryResult = await slice(dry, 'wallets', planFor(holder), { dryRun: true });
  expect(dryResult).toMatchObject({ corrected: 1, differences: [found] });
  expect(await stripe.gateway.getPaymentMethod(token)).toHaveProperty('gateway_customer_ref');
  const result = await slice(reconciliation({}, tomorrow), 'wallets', planFor(holder));
  expect(result).toMatchObject({ corrected: 1, differences: [found] });
  expect(await stripe.gateway.getPaymentMethod(token)).not.toHaveProperty('gateway_customer_ref');
  const again = reconciliation({}, tomorrow);
  expect(await slice(again, 'wallets', planFor(holder))).toMatchObject({ corrected: 0, listed: 0 });
  expect(await eventsOf(customer_id)).toEqual(events);
});

test.each(['unknown', 'known'])(
  'a new method whose verification was lost is verified after an hour, if its customer is %s at the gateway',
  async (customer) => {
    const { graph, stripe } = fixture;
    const token = randomToken();
    await stripe.sim(`/payment_methods/${token}`, 'PUT', { card: { last4: '4321' } });
    const method = { type: 'card' as const, token };
    const holder = customer === 'known' ? await fixture.cardHolder() : undefined;
    const known = holder && { customer_id: holder.customer_id };
    const { customer_id } = known ?? (await customerWithoutCards());
    const { payment_method_id } = await addPaymentMethod(graph, testHeader(), {
      ...{ customer_id, method, added_by: 'customer' },
    });
    const added = { customer_id, payment_method_id, token } as CardHolder;
    // Its own run may still be in progress.
    expect(await slice(reconciliation(), 'wallets', planFor(added))).toMatchObject({ corrected: 0 });
    const found = { found: 'unverified', customer_id, payment_method_id };
    const dry = await slice(reconciliation({}, tomorrow), 'wallets', planFor(added), { dryRun: true });
    expect(dry).toMatchObject({ corrected: 1, differences: [found] });
    expect(await methodOf(added)).toMatchObject({ status: 'unverified' });
    const run = reconciliation({}, tomorrow);
    expect(await slice(run, 'wallets', planFor(added))).toMatchObject({ corrected: 1, differences: [found] });
    expect(await methodOf(added)).toMatchObject({ status: 'active', last_four: '4321' });
    const { gateway_customer_ref } = await getGatewayCustomer(graph, { customer_id });
    expect(await stripe.gateway.getPaymentMethod(token)).toMatchObject({ gateway_customer_ref });
    const verified = (await eventsOf(customer_id)).filter(
      ({ type }) => type === 'PaymentMethodStatusChanged',
    );
    expect(verified.at(-1)).toMatchObject({ source: 'reconciliation' });
    const again = await slice(reconciliation({}, tomorrow), 'wallets', planFor(added));
    expect(again).toMatchObject({ corrected: 0, differences: [] });
  },
);

const customerWithoutCards = () =>
  onboard(fixture.graph, testHeader(), { request: onboardingRequest(), policy });

/** A requested change of the expiry date, whose run is lost. */
async function loseExpiryDateUpdate(holder: CardHolder, expiry_year: number, off_session_consent?: boolean) {
  const { customer_id, payment_method_id } = holder;
  const change = { expiry_month: 5, expiry_year, ...(off_session_consent && { off_session_consent }) };
  const request = { customer_id, payment_method_id, change, by: 'customer' as const };
  await requestMethodUpdate(fixture.graph, testHeader(), request);
}

test.each(['the gateway was called', 'it was recorded'])(
  'a change of the date whose run was lost before %s is completed after an hour, with its consent',
  async (before) => {
    const { graph, stripe } = fixture;
    const holder = await fixture.cardHolder();
    const { customer_id, payment_method_id, token } = holder;
    const { payment_id } = await fixture.recovery(holder);
    const consent = { off_session_consent: false, source: 'customer' };
    await setOffSessionConsent(graph, testHeader(), { customer_id, payment_method_id, ...consent });
    await loseExpiryDateUpdate(holder, 2037, true);
    const date = { expiry_month: 5, expiry_year: 2037 };
    const found = 'the gateway was called' === before ? 'unfinished' : 'newer';
    if (found === 'newer') await stripe.gateway.updatePaymentMethod({ customer_id, token, ...date });
    // Its own run may still be in progress.
    if (found === 'unfinished')
      expect(await slice(reconciliation(), 'wallets', planFor(holder))).toMatchObject({ corrected: 0 });
    const dry = await slice(reconciliation({}, tomorrow), 'wallets', planFor(holder), { dryRun: true });
    expect(dry).toMatchObject({ corrected: 1, differences: [{ found, customer_id, payment_method_id }] });
    expect(await methodOf(holder)).not.toMatchObject(date);

    const run = reconciliation({}, tomorrow);
    expect(await slice(run, 'wallets', planFor(holder))).toMatchObject({ corrected: 1, listed: 0 });
    expect(await stripe.gateway.getPaymentMethod(token)).toMatchObject(date);
    expect(await methodOf(holder)).toMatchObject({ ...date, status: 'active', off_session_consent: true });
    expect(run.signals).toContain(`paymentMethodUpdated ${payment_id}`);
    const [last] = (await eventsOf(customer_id)).slice(-1);
    expect(last).toMatchObject({ source: 'reconciliation' });
    const again = await slice(reconciliation({}, tomorrow), 'wallets', planFor(holder));
    expect(again).toMatchObject({ corrected: 0, differences: [] });
  },
);

test('a change of the date that the gateway refuses, or that a renewed card has superseded, is not repeated', async () => {
  const { graph, stripe } = fixture;
  const refused = await fixture.cardHolder();
  await loseExpiryDateUpdate(refused, 2037);
  const gateway = { ...stripe.gateway, updatePaymentMethod: async () => 'refused' as const };
  const run = reconciliation({}, tomorrow, graph, gateway);
  expect(await slice(run, 'wallets', planFor(refused))).toMatchObject({ corrected: 1 });
  const renewed = await fixture.cardHolder();
  await loseExpiryDateUpdate(renewed, 2037);
  await setCardAtGateway(renewed, { exp_month: 8, exp_year: 2039 });
  await slice(reconciliation({}, tomorrow), 'wallets', planFor(renewed));
  expect(await stripe.gateway.getPaymentMethod(renewed.token)).toMatchObject({ expiry_year: 2039 });
  for (const holder of [refused, renewed]) {
    const again = await slice(reconciliation({}, tomorrow), 'wallets', planFor(holder));
    expect(again).toMatchObject({ corrected: 0, differences: [] });
  }
});

test('methods at the gateway that are not in the wallet are listed, unless they may just be being added', async () => {
  const { graph, stripe } = fixture;
  const holder = await fixture.cardHolder();
  const { customer_id, gateway_customer_ref: customer } = holder;
  const unknownTokens = [1, 2].map(() => `pm_${randomUUID()}`);
  for (const token of unknownTokens) await stripe.sim(`/payment_methods/${token}`, 'PUT', { customer });
  const listed = async () => {
    const page = await getWalletMismatches(graph, { after: before(customer_id), limit: 1 });
    return page.filter((one) => one.customer_id === customer_id);
  };
  const soon = await slice(reconciliation(), 'wallets', planFor(holder));
  expect(soon).toMatchObject({ listed: 0, differences: [] });

  const found = { found: 'unknown_here', customer_id, methods: 2 };
  for (const _ of ['found', 'known']) {
    const run = reconciliation({}, tomorrow);
    const result = await slice(run, 'wallets', planFor(holder));
    expect(result).toMatchObject({ corrected: 0, listed: 1, differences: [found] });
    expect(run.changes).toEqual([]);
    expect(await listed()).toEqual([{ customer_id }]);
  }
  const marked = (await eventsOf(customer_id)).filter(({ type }) => type === 'NodePropertyChanged');
  expect(marked).toMatchObject([{ source: 'reconciliation' }]);
  expect(await readWallet(graph, customer_id)).toHaveLength(1);

  for (const token of unknownTokens) await stripe.detach(token);
  await slice(reconciliation({}, tomorrow), 'wallets', planFor(holder));
  expect(await listed()).toEqual([]);
});

test('methods that the gateway has deleted from customers that it knows are listed, however many', async () => {
  const holders: CardHolder[] = [];
  for (let n = 0; n < 21; n++) holders.push(await fixture.cardHolder());
  const run = reconciliation({
    methodsOf: async () => ({ items: [] }),
    getPaymentMethod: async () => undefined,
  });
  const plan = { ...planFor(holders[0] as CardHolder), quota: holders.length };
  expect(await slice(run, 'wallets', plan)).toMatchObject({ compared: 21, listed: 21 });
});

test('a state that a command is just changing is no difference', async () => {
  const holder = await fixture.cardHolder();
  const { graph } = fixture;
  // As a read between two statements of another transaction sees it.
  const seen = { ...graph, read: graph.read.bind(graph) };
  seen.read = (async (cypher: string, parameters: object) => {
    const rows = await graph.read<Record<string, unknown>>(cypher, parameters as Record<string, unknown>);
    if (cypher.includes('is_version_right')) return rows.map((row) => ({ ...row, is_version_right: false }));
    if (cypher.includes('token_hash AS')) return rows.map((row) => ({ ...row, is_default: false }));
    return rows;
  }) as typeof graph.read;
  const result = await slice(reconciliation({}, later, seen), 'wallets', planFor(holder));
  expect(result).toMatchObject({ compared: 1, repaired: 0, differences: [] });
});

test('a dispute is compared for as long as it may be undecided, a refund for as long as it may fail', async () => {
  const DAY = 86_400_000;
  const spans: Record<string, number> = {};
  const asked = (name: string) => async (span: { since: number; until: number }) => {
    spans[name] = Math.round((span.until - span.since) / DAY);
    return { items: [] };
  };
  const run = reconciliation({
    ...{ refunds: asked('refunds'), disputes: asked('disputes'), fraudWarnings: asked('fraud_warnings') },
  });
  for (const stage of ['refunds', 'disputes', 'fraud_warnings'] as const) await slice(run, stage, {});
  expect(spans).toEqual({ refunds: 31, disputes: 120, fraud_warnings: 7 });
});

test('an API key of another account ends the comparison before all customers are listed', async () => {
  const holders: CardHolder[] = [];
  for (let n = 0; n < 22; n++) holders.push(await fixture.cardHolder());
  let asked = 0;
  const run = reconciliation({
    methodsOf: async () => undefined,
    getPaymentMethod: async () => {
      asked += 1;
      return undefined;
    },
  });
  const plan = { ...planFor(holders[0] as CardHolder), quota: holders.length };
  await expect(slice(run, 'wallets', plan)).rejects.toMatchObject({ type: 'gateway_misconfigured' });
  expect(asked).toBeLessThan(holders.length);
});

test('a customer’s methods are read page by page, and only unattached ones individually', async () => {
  const holder = await fixture.cardHolder();
  for (const last4 of ['1001', '1002', '1003']) await fixture.secondCard(holder, { last4 });
  await fixture.stripe.detach(holder.token);
  const read: unknown[] = [];
  const run = reconciliation({
    async methodsOf(customer, after) {
      read.push(after);
      const whole = await records.methodsOf(customer, undefined);
      const rest = whole?.items ?? [];
      const from = rest.findIndex(({ token }) => token === after) + 1;
      const items = rest.slice(from, from + 2);
      return { items, ...(from + 2 < rest.length && { next: String(items.at(-1)?.token) }) };
    },
    async getPaymentMethod(token) {
      read.push(token);
      return records.getPaymentMethod(token);
    },
  });
  expect(await slice(run, 'wallets', planFor(holder))).toMatchObject({ corrected: 1, listed: 0 });
  expect(read).toEqual([undefined, expect.stringMatching(/^pm_/), holder.token]);
});

test('a wallet with several defaults or none gets one, and a wrong version is set to that of the event log', async () => {
  const { graph } = fixture;
  const holder = await fixture.cardHolder();
  const second = await fixture.secondCard(holder);
  await fixture.secondCard(holder, { last4: '3333' });
  const { customer_id } = holder;
  const defaults = async () =>
    (await readWallet(graph, customer_id))
      .filter(({ is_default }) => is_default)
      .map((one) => one.payment_method_id);
  excludeFromVerification(graph, customer_id);
  const setAll = (value: boolean) =>
    runCypher(
      graph,
      'MATCH (:Customer {id: $customer_id})-[h:HAS_PAYMENT_METHOD]->() SET h.is_default = $value',
      {
        ...{ customer_id, value },
      },
    );
  const expected = await defaults();
  for (const value of [true, false]) {
    await setAll(value);
    expect(await slice(reconciliation(), 'wallets', planFor(holder), { dryRun: true })).toMatchObject({
      repaired: 1,
    });
    expect(await defaults()).not.toHaveLength(1);
    const repaired = await slice(reconciliation(), 'wallets', planFor(holder));
    expect(repaired).toMatchObject({ repaired: 1, differences: [{ found: 'default', customer_id }] });
    expect(await defaults()).toHaveLength(1);
    expect(await verifyCustomer(graph, customer_id)).toEqual([]);
  }
  expect([holder.payment_method_id, second.payment_method_id]).toContain(expected[0]);

  const last = (await eventsOf(customer_id)).at(-1)?.seq;
  for (const wrong of [1, 999]) {
    await runCypher(graph, 'MATCH (c:Customer {id: $customer_id}) SET c.version = $wrong', {
      customer_id,
      wrong,
    });
    expect(await slice(reconciliation(), 'wallets', planFor(holder))).toMatchObject({
      differences: [{ found: 'version', customer_id }],
    });
    const [row] = await graph.read('MATCH (c:Customer {id: $customer_id}) RETURN c.version AS version', {
      customer_id,
    });
    expect(row).toEqual({ version: last });
  }
});

test('a success, a refund and a dispute without a webhook reach the responsible processes once', async () => {
  const { graph, stripe } = fixture;
  const holder = await fixture.cardHolder();
  const recovery = await fixture.recovery(holder);
  const charged = await stripe.charge(recovery.order);
  if (charged.result !== 'approved') throw new Error(charged.result);
  await fixture.record(recovery, { result: 'unknown', reason: 'the response was lost' });

  const own = ({ differences }: SliceResult) =>
    differences.filter((one) => one.customer_id === holder.customer_id);
  const { payment_id } = recovery;
  const dry = reconciliation();
  expect(own(await slice(dry, 'charges', {}, { dryRun: true }))).toEqual([
    { found: 'charge', customer_id: holder.customer_id, payment_id, gateway_ref: charged.charge_ref },
  ]);
  expect(dry.reports).toEqual([]);
  const run = reconciliation();
  await slice(run, 'charges', {});
  expect(run.reports).toMatchObject([
    {
      kind: 'charge_result',
      message: {
        payment_id,
        result: 'approved',
        gateway_ref: charged.gateway_ref,
        attempt_key: recovery.order.key,
      },
    },
  ]);
  const again = reconciliation();
  await slice(again, 'charges', {});
  expect(again.reports).toEqual([]);
  await fixture.record(recovery, charged);

  const headers = { authorization: 'Bearer sk_test_1', 'content-type': 'application/x-www-form-urlencoded' };
  const body = `charge=${charged.charge_ref}&amount=100`;
  await fetch(`${stripe.url}/v1/refunds`, { method: 'POST', headers, body });
  const refunding = reconciliation();
  expect(own(await slice(refunding, 'refunds', {}))).toMatchObject([{ found: 'refund', payment_id }]);
  expect(own(await slice(reconciliation(), 'refunds', {}))).toEqual([]);
  const refunds = (await eventsOf(holder.customer_id)).filter(({ type }) => type === 'RefundSent');
  expect(refunds).toMatchObject([{ source: 'reconciliation' }]);

  await stripe.sim(`/charges/${charged.charge_ref}/dispute`, 'POST', { reason: 'product_not_received' });
  expect(own(await slice(reconciliation(), 'disputes', {}))).toMatchObject([{ found: 'dispute' }]);
  expect(own(await slice(reconciliation(), 'disputes', {}))).toEqual([]);
  const [method] = await readWallet(graph, holder.customer_id);
  expect(method).toMatchObject({ disputed: true });
  expect(await getRecovery(graph, payment_id)).toMatchObject({ outcome: 'recovered' });
});

test('an external bank debit that was pending when it was compared is checked again until it has a result', async () => {
  const { stripe } = fixture;
  const settle = { after_ms: 1_000, outcome: 'succeeded' };
  const holder = await fixture.cardHolder([{ do: 'processing', settle }]);
  const recovery = await fixture.recovery(holder);
  const { payment_id, order } = recovery;
  await fixture.record(recovery, { result: 'declined', codes: { decline_code: 'insufficient_funds' } });
  const pending = await stripe.charge({ ...order, key: `other:${payment_id}` });
  expect(pending).toMatchObject({ result: 'pending' });
  const own = (of: SliceResult) => of.differences.filter((one) => one.payment_id === payment_id);
  const first = reconciliation();
  expect(own(await slice(first, 'charges', {}))).toEqual([]);

  // No later run's span holds its creation.
  const span = { since: Date.now() + 60 * MINUTES, until: Date.now() + 61 * MINUTES };
  const spans: unknown[] = [];
  const compare = async (dryRun = false, now = later) => {
    const run = reconciliation(
      {
        charges(asked, after) {
          spans.push(asked);
          return records.charges(asked, after);
        },
      },
      now,
    );
    const differences = own(await slice(run, 'charges', { charges: span }, { dryRun }));
    return { differences, reports: run.reports };
  };
  expect(await compare()).toEqual({ differences: [], reports: [] });
  await stripe.sim('/clock', 'POST', { advance_s: 2 });
  const found = { found: 'charge', payment_id, gateway_ref: expect.stringMatching(/^ch_/) };
  expect(await compare(true)).toMatchObject({ differences: [found], reports: [] });
  const { gateway_ref } = pending as { gateway_ref: string };
  expect(await compare()).toMatchObject({
    differences: [found],
    reports: [{ message: { payment_id, result: 'approved', gateway_ref } }],
  });
  spans.splice(0);
  expect(await compare()).toEqual({ differences: [], reports: [] });
  expect(spans).toEqual([span]);
});

test('a bank debit that never gets a result is checked for a month', async () => {
  const holder = await fixture.cardHolder([{ do: 'processing' }]);
  const { order } = await fixture.recovery(holder);
  await fixture.stripe.charge({ ...order, key: `other:${order.payment_id}` });
  await slice(reconciliation(), 'charges', {});
  const asked = async (days: number) => {
    let again = 0;
    const now = () => Date.now() + days * 24 * 60 * MINUTES;
    const charges: GatewayRecords['charges'] = async ({ since, until }) => {
      if (until - since === 1_000) again += 1;
      return { items: [] };
    };
    await slice(reconciliation({ charges }, now), 'charges', {});
    return again;
  };
  expect(await asked(30)).toBeGreaterThan(0);
  await asked(32);
  expect(await asked(1)).toBe(0);
});

test('after a gateway outage during a slice, the page is repeated, and each correction is made once', async () => {
  const holders: CardHolder[] = [];
  for (let n = 0; n < 3; n++) holders.push(await fixture.cardHolder());
  const first = holders[0] as CardHolder;
  await fixture.stripe.detach(first.token);
  const last = holders[2] as CardHolder;
  await fixture.stripe.detach(last.token);
  const beats: unknown[] = [];
  let calls = 0;
  const dying = reconciliation({
    async methodsOf(customer, after) {
      calls += 1;
      if (customer === last.gateway_customer_ref)
        throw new PersonaError('gateway_unavailable', 'unavailable');
      return records.methodsOf(customer, after);
    },
  });
  const plan = { pass: { began_at: 0, after: before(first.customer_id), done: 0 }, quota: 3, keep: true };
  const activityId = randomUUID();
  await expect(
    slice(dying, 'wallets', plan, { activityId, onHeartbeat: (details) => beats.push(details) }),
  ).rejects.toMatchObject({ type: 'gateway_unavailable' });
  expect(calls).toBeGreaterThan(0);
  const run = reconciliation();
  const result = await slice(run, 'wallets', plan, { activityId, heartbeatDetails: beats.at(-1) });
  expect(result).toMatchObject({ compared: 3 });
  for (const { customer_id } of [first, last]) {
    const removed = (await eventsOf(customer_id)).filter(({ type }) => type === 'PaymentMethodRemoved');
    expect(removed).toHaveLength(1);
  }
  expect(await getPass(fixture.graph)).toMatchObject({ after: last.customer_id, done: 3 });
});

test('a customer who cannot be compared does not hold up the others', async () => {
  const { graph } = fixture;
  const [broken, other] = [await fixture.cardHolder(), await fixture.cardHolder()];
  const { customer_id } = broken;
  excludeFromVerification(graph, customer_id);
  await runCypher(graph, 'MATCH (k:CustomerKey {customer_id: $customer_id}) DELETE k', { customer_id });
  await runCypher(graph, 'MATCH (c:Customer {id: $customer_id}) SET c.version = 999', { customer_id });
  await fixture.stripe.detach(other.token);
  const plan = { ...planFor(broken), quota: 2 };
  const { differences } = await slice(reconciliation(), 'wallets', plan);
  expect(differences.map(({ customer_id: id, found }) => [id, found])).toEqual(
    expect.arrayContaining([
      [customer_id, 'not_compared'],
      [other.customer_id, 'detached'],
    ]),
  );
});

test('a retry delay set by the gateway is passed on', async () => {
  const holder = await fixture.cardHolder();
  await fixture.stripe.sim('/rate_limit', 'PUT', { requests: 1, retry_after_s: 7 });
  await expect(slice(reconciliation(), 'wallets', planFor(holder))).rejects.toMatchObject({
    type: 'gateway_unavailable',
    retryAfterMs: 7_000,
  });
  expect(await slice(reconciliation(), 'wallets', planFor(holder))).toMatchObject({ compared: 1 });
});
