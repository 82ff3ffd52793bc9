import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PaymentMethodDetails } from '../../domain/onboarding-types.ts';
import type { AttachAnswer } from '../../domain/ports.ts';
import { readPolicy } from '../../platform/policy.ts';
import {
  closeVerified,
  onboardingRequest,
  openTestGraph,
  randomToken,
  testHeader,
} from '../../test/graph.ts';
import { runCommand } from '../command.ts';
import { setCustomerStatus } from '../customers/set-customer-status.ts';
import type { Graph } from '../graph.ts';
import { onboard } from '../onboarding/onboard.ts';
import { verifyCustomer } from '../replay/verify.ts';
import { getPaymentMethod, getPaymentMethods, getPaymentMethodToken } from '../queries/payment-methods.ts';
import { addPaymentMethod } from './add-payment-method.ts';
import {
  setDefaultPaymentMethod,
  setOffSessionConsent,
  updatePaymentMethodStatus,
} from './edit-payment-method.ts';
import { recordVerification } from './record-verification.ts';
import { openWallet } from './wallet.ts';

const policy = readPolicy();
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(() => closeVerified(graph));

const newCustomer = async () => {
  const request = onboardingRequest();
  return (await onboard(graph, testHeader(), { request, policy })).customer_id;
};
const add = (
  customer_id: string,
  method: Partial<PaymentMethodDetails> & { device_id?: string } = {},
  at?: string,
) =>
  addPaymentMethod(graph, testHeader(at === undefined ? {} : { occurredAt: at }), {
    customer_id,
    method: { type: 'card', token: randomToken(), ...method },
    added_by: 'customer',
  });
const attached = (token = randomToken()): AttachAnswer => ({
  result: 'attached',
  method: { token, type: 'card' },
});
const verify = (customer_id: string, payment_method_id: string, answer: AttachAnswer = attached()) =>
  recordVerification(graph, testHeader(), { customer_id, payment_method_id, answer });
/** An active method of the customer. */
const active = async (customer_id: string, method: Partial<PaymentMethodDetails> = {}, at?: string) => {
  const { token = randomToken() } = method;
  const { payment_method_id } = await add(customer_id, { ...method, token }, at);
  await verify(customer_id, payment_method_id, attached(token));
  return payment_method_id;
};
const setStatus = (
  customer_id: string,
  payment_method_id: string,
  status: 'failed' | 'active' | 'inactive',
) =>
  updatePaymentMethodStatus(graph, testHeader(), { customer_id, payment_method_id, status, reason: 'test' });
const defaultOf = async (customer_id: string) =>
  (await getPaymentMethods(graph, { customer_id }))
    .filter((method) => method.is_default)
    .map((m) => m.payment_method_id);
const eventsOf = (id: string) =>
  graph.read<{ type: string; seq: number; data: string }>(
    'MATCH (e:PersonaEvent {stream_id: $id}) RETURN e.type AS type, e.seq AS seq, e.data AS data ORDER BY e.seq',
    { id },
  );

describe('verification', () => {
  test('takes the gateway’s details and reference, and makes the first method the default', async () => {
    const id = await newCustomer();
    const { payment_method_id } = await add(id, {
      brand: 'mc',
      last_four: '1111',
      expiry_month: 1,
      expiry_year: 2030,
    });
    const verified = await recordVerification(graph, testHeader(), {
      customer_id: id,
      payment_method_id,
      gateway_customer_ref: 'cus_9',
      answer: {
        result: 'attached',
        method: {
          token: randomToken(),
          type: 'card',
          brand: 'visa',
          network: 'visa',
          last_four: '4242',
          expiry_month: 12,
          expiry_year: 2031,
          funding: 'credit',
          country: 'US',
          instrument_fingerprint: 'plastic-1',
        },
      },
    });
    expect(verified).toMatchObject({ payment_method_status: 'active', is_default: true, version: 6 });
    const [row] = await graph.read(
      `MATCH (c:Customer {id: $id})-[h:HAS_PAYMENT_METHOD]->(p)
       RETURN c.gateway_customer_ref AS reference, h.is_default AS is_default,
         p {.brand, .network, .last_four, .expiry_month, .expires_on, .funding, .country, .instrument_fingerprint} AS p`,
      { id },
    );
    expect(row).toEqual({
      reference: 'cus_9',
      is_default: true,
      p: {
        brand: 'visa',
        network: 'visa',
        last_four: '4242',
        expiry_month: 12,
        expires_on: '2031-12-31',
        funding: 'credit',
        country: 'US',
        instrument_fingerprint: 'plastic-1',
      },
    });
  });

  // By its type the gateway is told what it is to charge.
  test.each([
    ['card', 'bank_account', 'bank_account'],
    ['bank_account', 'card', 'card'],
    ['card', 'digital_wallet', 'digital_wallet'],
    ['digital_wallet', 'card', 'digital_wallet'],
    ['digital_wallet', 'bank_account', 'bank_account'],
  ] as const)('what came as %s and is %s to the gateway is a %s', async (type, known, expected) => {
    const id = await newCustomer();
    const { payment_method_id } = await add(id, { type });
    await verify(id, payment_method_id, {
      result: 'attached',
      method: { token: randomToken(), type: known },
    });
    expect(await getPaymentMethod(graph, { customer_id: id, payment_method_id })).toMatchObject({
      type: expected,
    });
    expect(await verifyCustomer(graph, id)).toEqual([]);
  });

  test('a second card does not push out the first', async () => {
    const id = await newCustomer();
    const first = await active(id);
    await active(id);
    expect(await defaultOf(id)).toEqual([first]);
  });

  test('a refused method fails, an expired one expires, and neither is the default', async () => {
    const id = await newCustomer();
    const refused = await add(id);
    expect(
      await verify(id, refused.payment_method_id, { result: 'refused', reason: 'declined', codes: {} }),
    ).toMatchObject({ payment_method_status: 'failed', is_default: false });
    const old = await add(id);
    expect(
      await verify(id, old.payment_method_id, {
        result: 'attached',
        method: { token: randomToken(), type: 'card', expiry_month: 1, expiry_year: 2020 },
      }),
    ).toMatchObject({ payment_method_status: 'expired', is_default: false });
    expect(await defaultOf(id)).toEqual([]);
  });

  test('takes the token that the gateway gave it; the old one is free again', async () => {
    const [first, second] = [await newCustomer(), await newCustomer()];
    const [alias, own] = [randomToken(), randomToken()];
    const { payment_method_id } = await add(first, { token: alias });
    expect(await verify(first, payment_method_id, attached(own))).toMatchObject({
      payment_method_status: 'active',
    });
    const secret = await getPaymentMethodToken(graph, { customer_id: first, payment_method_id });
    expect(secret.reveal()).toBe(own);
    await expect(add(second, { token: own })).rejects.toMatchObject({
      type: 'token_belongs_to_other_customer',
    });
    expect(await add(second, { token: alias })).toMatchObject({ added: true });
    expect(await add(first, { token: own })).toMatchObject({ payment_method_id, added: false });
    expect(await verifyCustomer(graph, first)).toEqual([]);
  });

  test('never links a token that another customer has', async () => {
    const [owner, thief] = [await newCustomer(), await newCustomer()];
    const own = randomToken();
    await add(owner, { token: own });
    const { payment_method_id } = await add(thief);
    expect(await verify(thief, payment_method_id, attached(own))).toMatchObject({
      payment_method_status: 'failed',
      refused: 'token_belongs_to_other_customer',
      is_default: false,
    });
    expect(await verifyCustomer(graph, thief)).toEqual([]);
  });

  test('of twenty customers to whom the gateway gives one token at once, one has it', async () => {
    const own = randomToken();
    const verified = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const id = await newCustomer();
        const { payment_method_id } = await add(id);
        return verify(id, payment_method_id, attached(own));
      }),
    );
    expect(verified.filter((one) => one.payment_method_status === 'active')).toHaveLength(1);
    expect(verified.filter((one) => one.refused !== undefined)).toHaveLength(19);
  });

  test('puts a method aside that the gateway says is another one of the same customer', async () => {
    const id = await newCustomer();
    const own = randomToken();
    const first = await active(id, { token: own });
    const { payment_method_id } = await add(id);
    const again = await verify(id, payment_method_id, attached(own));
    expect(again).toMatchObject({ payment_method_status: 'inactive', default_payment_method_id: first });
    expect(again.refused).toBeUndefined();
  });

  test('comes too late for a method that was put aside meanwhile', async () => {
    const id = await newCustomer();
    const { payment_method_id } = await add(id);
    await setStatus(id, payment_method_id, 'inactive');
    const refused: AttachAnswer = { result: 'refused', reason: 'declined', codes: {} };
    expect(await verify(id, payment_method_id, refused)).toMatchObject({ payment_method_status: 'inactive' });
  });
});

describe('adding', () => {
  test('another customer’s token is refused, and nothing is written', async () => {
    const token = randomToken();
    const [owner, thief] = [await newCustomer(), await newCustomer()];
    await add(owner, { token });
    await expect(add(thief, { token })).rejects.toMatchObject({ type: 'token_belongs_to_other_customer' });
    expect(await eventsOf(thief)).toHaveLength(1);
  });

  test('a device must be one of the customer’s', async () => {
    const id = await newCustomer();
    await expect(add(id, { device_id: randomUUID() })).rejects.toMatchObject({ type: 'device_not_found' });
    await expect(add(randomUUID())).rejects.toMatchObject({ type: 'customer_not_found' });
  });

  test('a suspended customer may not', async () => {
    const id = await newCustomer();
    const method = await active(id);
    await setCustomerStatus(graph, testHeader(), { customer_id: id, status: 'suspended', reason: 'test' });
    const refused = { type: 'customer_suspended' };
    await expect(add(id)).rejects.toMatchObject(refused);
    const edit = { customer_id: id, payment_method_id: method };
    await expect(
      setDefaultPaymentMethod(graph, testHeader(), { ...edit, by: 'customer' }),
    ).rejects.toMatchObject(refused);
    await expect(
      setOffSessionConsent(graph, testHeader(), { ...edit, off_session_consent: true, source: 'customer' }),
    ).rejects.toMatchObject(refused);
    await setOffSessionConsent(graph, testHeader(), {
      ...edit,
      off_session_consent: true,
      source: 'service',
    });
  });

  test('keeps the token readable only with the customer’s key', async () => {
    const id = await newCustomer();
    const token = randomToken();
    const { payment_method_id } = await add(id, { token });
    const secret = await getPaymentMethodToken(graph, { customer_id: id, payment_method_id });
    expect(secret.reveal()).toBe(token);
    expect(String(secret)).not.toContain(token);
    await expect(
      getPaymentMethodToken(graph, { customer_id: await newCustomer(), payment_method_id }),
    ).rejects.toMatchObject({ type: 'payment_method_not_found' });
  });
});

describe('the default', () => {
  test('moves to the last used method with consent when it leaves, and to none when none is left', async () => {
    const id = await newCustomer();
    const a = await active(id, {}, '2026-01-01T00:00:00Z');
    const b = await active(id, { off_session_consent: true }, '2026-01-02T00:00:00Z');
    const c = await active(id, { off_session_consent: true }, '2026-01-03T00:00:00Z');
    const d = await active(id, {}, '2026-01-04T00:00:00Z');
    const order: string[][] = [await defaultOf(id)];
    for (const leaving of [a, c, b, d]) {
      await setStatus(id, leaving, 'failed');
      order.push(await defaultOf(id));
    }
    expect(order).toEqual([[a], [c], [b], [d], []]);
    await setStatus(id, b, 'active');
    expect(await defaultOf(id)).toEqual([b]);
    const moves = (await eventsOf(id)).filter((event) => event.type === 'DefaultPaymentMethodChanged');
    expect(moves.map((event) => JSON.parse(event.data).payment_method_id)).toEqual([a, c, b, d, null, b]);
  });

  test('is set by hand, but only to an active one; once set it stays', async () => {
    const id = await newCustomer();
    const a = await active(id);
    const b = await active(id);
    const { payment_method_id: unverified } = await add(id);
    const choose = (payment_method_id: string) =>
      setDefaultPaymentMethod(graph, testHeader(), { customer_id: id, payment_method_id, by: 'customer' });
    expect(await choose(b)).toMatchObject({ changed: true });
    expect(await choose(b)).toMatchObject({ changed: false });
    await expect(choose(unverified)).rejects.toMatchObject({ type: 'illegal_transition' });
    await expect(choose(randomUUID())).rejects.toMatchObject({ type: 'payment_method_not_found' });
    expect(await defaultOf(id)).toEqual([b]);
    expect(await getPaymentMethod(graph, { customer_id: id, payment_method_id: a })).toMatchObject({
      is_default: false,
    });
  });

  test('is exactly one while statuses change from all sides at once', async () => {
    const id = await newCustomer();
    const methods: string[] = [];
    for (let n = 0; n < 4; n += 1) methods.push(await active(id, { off_session_consent: n % 2 === 0 }));
    for (let round = 0; round < 3; round += 1) {
      const status = round % 2 === 0 ? 'failed' : 'active';
      await Promise.all([
        ...methods.slice(0, 3).map((method) => setStatus(id, method, status)),
        setDefaultPaymentMethod(graph, testHeader(), {
          customer_id: id,
          payment_method_id: methods[3]!,
          by: 'customer',
        }),
      ]);
      expect(await defaultOf(id)).toHaveLength(1);
    }
    const events = await eventsOf(id);
    expect(events.map((event) => event.seq)).toEqual(events.map((_, n) => n + 1));
  });
});

describe('status', () => {
  test('an illegal change is refused, the same status is no change', async () => {
    const id = await newCustomer();
    const method = await active(id);
    const before = (await eventsOf(id)).length;
    expect(await setStatus(id, method, 'active')).toMatchObject({ changed: false });
    await setStatus(id, method, 'inactive');
    await expect(setStatus(id, method, 'failed')).rejects.toMatchObject({ type: 'illegal_transition' });
    // The status and the default that left.
    expect(await eventsOf(id)).toHaveLength(before + 2);
  });

  test('another customer’s method does not exist', async () => {
    const [owner, other] = [await newCustomer(), await newCustomer()];
    const method = await active(owner);
    await expect(setStatus(other, method, 'inactive')).rejects.toMatchObject({
      type: 'payment_method_not_found',
    });
    await expect(
      getPaymentMethod(graph, { customer_id: other, payment_method_id: method }),
    ).rejects.toMatchObject({ type: 'payment_method_not_found' });
    await expect(getPaymentMethods(graph, { customer_id: randomUUID() })).rejects.toMatchObject({
      type: 'customer_not_found',
    });
  });
});

test('consent is dated and named, and given once', async () => {
  const id = await newCustomer();
  const method = await active(id);
  const header = testHeader({ occurredAt: '2026-06-01T02:00:00+02:00' });
  const input = { customer_id: id, payment_method_id: method, off_session_consent: true, source: 'customer' };
  expect(await setOffSessionConsent(graph, header, input)).toMatchObject({ changed: true });
  expect(await setOffSessionConsent(graph, testHeader(), input)).toMatchObject({ changed: false });
  const [edge] = await graph.read(
    'MATCH (:Customer {id: $id})-[h:HAS_PAYMENT_METHOD]->() RETURN h {.off_session_consent, .consent_at, .consent_source} AS h',
    { id },
  );
  expect(edge).toEqual({
    h: { off_session_consent: true, consent_at: '2026-06-01T00:00:00.000Z', consent_source: 'customer' },
  });
});

test('the event that last changed a method is its version', async () => {
  const id = await newCustomer();
  const [a, b] = [await active(id), await active(id)];
  const before = await getPaymentMethod(graph, { customer_id: id, payment_method_id: b });
  await setOffSessionConsent(graph, testHeader(), {
    customer_id: id,
    payment_method_id: a,
    off_session_consent: true,
    source: 'customer',
  });
  const { version } = await setDefaultPaymentMethod(graph, testHeader(), {
    customer_id: id,
    payment_method_id: a,
    by: 'customer',
  });
  expect(await getPaymentMethod(graph, { customer_id: id, payment_method_id: b })).toEqual(before);
  expect((await getPaymentMethod(graph, { customer_id: id, payment_method_id: a })).changed_seq).toBe(
    version,
  );
});

test('one more use moves the last one forward only, and is in the event', async () => {
  const id = await newCustomer();
  const method = await active(id, {}, '2026-01-01T00:00:00Z');
  for (const at of ['2026-01-03T00:00:00.000Z', '2026-01-02T00:00:00.000Z']) {
    await runCommand(graph, testHeader(), 'useForTest', { at }, async (tx) => {
      await tx.lockCustomer(id);
      (await openWallet(tx, id)).recordUse(method, { at });
    });
  }
  expect(await getPaymentMethod(graph, { customer_id: id, payment_method_id: method })).toMatchObject({
    first_used: '2026-01-01T00:00:00.000Z',
    last_used: '2026-01-03T00:00:00.000Z',
  });
  const last = (await eventsOf(id)).at(-1);
  expect(JSON.parse(String(last?.data))).toMatchObject({
    use_count: 3,
    last_used: '2026-01-03T00:00:00.000Z',
  });
});
