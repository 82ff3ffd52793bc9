/** The choice of the default payment method over REST, against two real API processes. */

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { recordDispute, setCustomerStatus, updatePaymentMethodStatus } from '../../../graph/index.ts';
import { testHeader } from '../../../test/test-graph.ts';
import { addMethod, cardMethod, onboard, sendChange, sendRequest, startTwoApis } from '../../api-fixtures.ts';

const api = startTwoApis();

interface Ids {
  customer_id: string;
  payment_method_id: string;
}

const pathOf = ({ customer_id, payment_method_id }: Ids) =>
  `/api/v1/customers/${customer_id}/payment-methods/${payment_method_id}`;
const put = (ids: Ids, headers: Record<string, string>) =>
  sendChange(api.second, 'PUT', `${pathOf(ids)}/default`, { headers });
const etagOf = async (ids: Ids) => (await sendRequest(api.first, pathOf(ids))).headers.get('etag') ?? '';

/** A customer with `count` methods; the first one is the default. */
async function wallet(count: number): Promise<[Ids, ...Ids[]]> {
  const { customer_id, payment_method_id } = await onboard(api.first, {
    payment_method_details: cardMethod(),
  });
  const others: Ids[] = [];
  while (others.length < count - 1) {
    const added = await addMethod(api.first, customer_id);
    others.push({ customer_id, payment_method_id: added.body.payment_method_id as string });
  }
  return [{ customer_id, payment_method_id }, ...others];
}

async function defaultsOf({ customer_id }: Ids): Promise<string[]> {
  const { body } = await sendRequest(api.first, `/api/v1/customers/${customer_id}/payment-methods`);
  return (body.items as (Ids & { is_default: boolean })[])
    .filter(({ is_default }) => is_default)
    .map(({ payment_method_id }) => payment_method_id);
}

test('a method becomes the default on the version that was read; a repeat gets the same response', async () => {
  const [first, second = first] = await wallet(2);
  const seen = { 'if-match': await etagOf(second) };
  const chosen = await put(second, seen);
  expect([chosen.status, chosen.body]).toEqual([
    200,
    expect.objectContaining({ payment_method_id: second.payment_method_id, is_default: true }),
  ]);
  expect([chosen.etag, await etagOf(second)]).toEqual([`"${chosen.body.changed_seq}"`, chosen.etag]);
  expect(chosen.etag).not.toBe(seen['if-match']);
  expect(await defaultsOf(first)).toEqual([second.payment_method_id]);
  // As if the response had been lost.
  expect(await put(second, seen)).toEqual(chosen);

  const key = { 'if-match': '*', 'idempotency-key': randomUUID() };
  expect((await put(first, key)).status).toBe(200);
  expect((await put(first, key)).status).toBe(200);
  const other = await put(second, key);
  expect([other.status, other.body.type]).toEqual([422, 'urn:persona:error:idempotency_key_reused']);
  expect(await defaultsOf(first)).toEqual([first.payment_method_id]);
  // It has changed since: it is no longer the default.
  const stale = await put(second, { ...seen, 'idempotency-key': randomUUID() });
  expect([stale.status, stale.body.type]).toEqual([412, 'urn:persona:error:stale_version']);
  const withoutVersion = await put(second, {});
  expect([withoutVersion.status, withoutVersion.body.type]).toEqual([
    428,
    'urn:persona:error:version_required',
  ]);
});

test('of ten concurrent choices on one version with keys of their own one counts, and one method is the default', async () => {
  const [first, second = first] = await wallet(2);
  const seen = await etagOf(second);
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => put(second, { 'if-match': seen, 'idempotency-key': randomUUID() })),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(9).fill(412)]);
  expect(await defaultsOf(first)).toEqual([second.payment_method_id]);
});

test('concurrent choices of different methods leave one default', async () => {
  const methods = await wallet(4);
  const answers = await Promise.all(methods.map((ids) => put(ids, { 'if-match': '*' })));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(await defaultsOf(methods[0])).toHaveLength(1);
});

test('a method that cannot be charged is refused without the reason, if that is a suspicion', async () => {
  const [first, compromised = first, disputed = first] = await wallet(3);
  const status = { ...compromised, status: 'compromised', reason: 'test' } as const;
  await updatePaymentMethodStatus(api.graph, testHeader(), status);
  await recordDispute(api.graph, testHeader(), {
    holder: { ...disputed, charged: true },
    dispute: { dispute_ref: `du_${randomUUID()}`, reason: 'general', state: 'open' },
  });
  for (const ids of [compromised, disputed]) {
    const refused = await put(ids, { 'if-match': '*' });
    expect([refused.status, refused.body]).toEqual([
      409,
      expect.objectContaining({
        type: 'urn:persona:error:illegal_transition',
        detail: `payment method ${ids.payment_method_id} cannot be the default: only an active method without a dispute can`,
      }),
    ]);
  }
  expect(await defaultsOf(first)).toEqual([first.payment_method_id]);
});

test('another customer’s, an unknown or a suspended customer’s method is refused', async () => {
  const [owner] = await wallet(1);
  const { customer_id } = await onboard(api.first);
  const any = { 'if-match': '*' };
  for (const ids of [
    { ...owner, customer_id },
    { ...owner, customer_id: randomUUID() },
    { ...owner, payment_method_id: randomUUID() },
  ])
    expect((await put(ids, any)).status).toBe(404);
  const suspension = { customer_id: owner.customer_id, status: 'suspended', reason: 'test' } as const;
  await setCustomerStatus(api.graph, testHeader(), suspension);
  expect((await put(owner, any)).status).toBe(403);
});
