import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { randomToken, testHeader } from '../../test/test-graph.ts';
import { runCommand } from '../command.ts';
import { setCustomerStatus } from '../customers/set-customer-status.ts';
import { getPaymentMethod, getPaymentMethods, getPaymentMethodToken } from '../queries/payment-methods.ts';
import { setDefaultPaymentMethod, setOffSessionConsent } from './edit-payment-method.ts';
import { walletCommands } from './wallet-fixtures.ts';
import { openWallet } from './wallet.ts';

const { graph, newCustomer, add, active, setStatus, defaultOf, eventsOf } = await walletCommands();

describe('adding a method', () => {
  test('with another customer’s token is refused, and nothing is written', async () => {
    const token = randomToken();
    const [owner, otherCustomer] = [await newCustomer(), await newCustomer()];
    await add(owner, { token });
    await expect(add(otherCustomer, { token })).rejects.toMatchObject({
      type: 'token_belongs_to_other_customer',
    });
    expect(await eventsOf(otherCustomer)).toHaveLength(1);
  });

  test('with a device requires one of the customer’s', async () => {
    const id = await newCustomer();
    await expect(add(id, { device_id: randomUUID() })).rejects.toMatchObject({ type: 'device_not_found' });
    await expect(add(randomUUID())).rejects.toMatchObject({ type: 'customer_not_found' });
  });

  test('is refused to a suspended customer', async () => {
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
  test('passes to the last used method with consent when it fails, and to none when none is left', async () => {
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

  test('can be set manually, but only to an active method, and then stays', async () => {
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

  test('is exactly one method while statuses change concurrently', async () => {
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
    // The status, and the default that was lost.
    expect(await eventsOf(id)).toHaveLength(before + 2);
  });

  test('cannot be changed on another customer’s method: it is not found', async () => {
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

test('consent is recorded with its time and source, and once', async () => {
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

test('a use moves `last_used` forward only, and is recorded in its event', async () => {
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
