/** A customer's addresses over REST, against two real API processes. */

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { setCustomerStatus, updateNodeProperty } from '../../../graph/index.ts';
import { testHeader } from '../../../test/test-graph.ts';
import { matchesExactly, onboard, sendChange, sendRequest, startTwoApis } from '../../api-fixtures.ts';
import { address as addressSchema } from '../schemas/addresses.ts';

const api = startTwoApis();

const home = {
  ...{ street1: '1 Main Street', street2: 'Floor 2', city: 'Springfield', state: 'NY', zip_code: '12345' },
  ...{ country: 'us', type: 'shipping' },
};

interface Ids {
  customer_id: string;
  address_id: string;
}

const listOf = (customer_id: string) => `/api/v1/customers/${customer_id}/addresses`;
const pathOf = ({ customer_id, address_id }: Ids) => `${listOf(customer_id)}/${address_id}`;
const add = (customer_id: string, change: object = {}, key: string = randomUUID(), at = api.first) =>
  sendRequest(at, listOf(customer_id), { ...home, ...change }, { 'idempotency-key': key });
const put = (ids: Ids, headers: Record<string, string>, change: object = {}) =>
  sendChange(api.second, 'PUT', pathOf(ids), { headers, body: { ...home, ...change } });
const remove = (ids: Ids, headers: Record<string, string>) =>
  sendChange(api.second, 'DELETE', pathOf(ids), { headers });

async function newAddress(): Promise<Ids & { etag: string }> {
  const { customer_id } = await onboard(api.first);
  const { headers, body } = await add(customer_id);
  return { customer_id, address_id: body.address_id, etag: headers.get('etag') ?? '' };
}

test('a new address is 201, unverified and the default of its type; its key repeated at another process adds nothing', async () => {
  const { customer_id } = await onboard(api.first);
  const key = randomUUID();
  const added = await add(customer_id, {}, key);
  expect([added.status, added.body]).toEqual([
    201,
    expect.objectContaining({ ...home, country: 'US', is_verified: false, is_default: true }),
  ]);
  expect(matchesExactly(addressSchema, added.body)).toBe(true);
  const again = await add(customer_id, {}, key, api.second);
  expect([again.status, again.body]).toEqual([201, added.body]);
  const other = await add(customer_id, { city: 'Shelbyville' }, key);
  expect([other.status, other.body.type]).toEqual([422, 'urn:persona:error:idempotency_key_reused']);
  const withoutKey = await sendRequest(api.first, listOf(customer_id), home);
  expect([withoutKey.status, withoutKey.body.type]).toEqual([
    400,
    'urn:persona:error:idempotency_key_required',
  ]);

  const one = await sendRequest(api.second, added.headers.get('location') ?? '');
  expect([one.body, one.headers.get('etag')]).toEqual([added.body, `"${added.body.changed_seq}"`]);
  const chosen = await add(customer_id, { street1: '2 Main Street', is_default: true });
  const { items } = (await sendRequest(api.second, listOf(customer_id))).body;
  expect(items).toMatchObject([
    { address_id: chosen.body.address_id, is_default: true },
    { address_id: added.body.address_id, is_default: false },
  ]);
});

test('consecutive pages have no gaps or repeats', async () => {
  const { customer_id } = await onboard(api.first);
  for (const street1 of ['1 A', '2 B', '3 C']) await add(customer_id, { street1 });
  const idsOf = ({ items }: { items: Ids[] }) => items.map(({ address_id }) => address_id);
  const whole = idsOf((await sendRequest(api.first, listOf(customer_id))).body);
  const one = (await sendRequest(api.first, `${listOf(customer_id)}?limit=2`)).body;
  const next = `${listOf(customer_id)}?limit=2&cursor=${one.next_cursor}`;
  const two = (await sendRequest(api.second, next)).body;
  expect([...idsOf(one), ...idsOf(two)]).toEqual(whole);
  expect([new Set(whole).size, two.next_cursor]).toEqual([3, null]);
  const bad = await sendRequest(api.first, `${listOf(customer_id)}?cursor=nonsense`);
  expect([bad.status, bad.body.errors[0].pointer]).toEqual([422, '#/cursor']);
});

test('a verified address is replaced on the version that was read, and is unverified again', async () => {
  const ids = await newAddress();
  const verified = { label: 'Address', id: ids.address_id, property: 'is_verified', value: 'true' } as const;
  await updateNodeProperty(api.graph, testHeader(), verified);
  const seen = (await sendRequest(api.first, pathOf(ids))).headers.get('etag') ?? '';
  expect(seen).not.toBe(ids.etag);
  const same = await put(ids, { 'if-match': seen });
  expect([same.status, same.etag, same.body.is_verified]).toEqual([200, seen, true]);

  const moved = await put(ids, { 'if-match': seen }, { city: 'Shelbyville', street2: null });
  expect([moved.status, moved.body]).toEqual([
    200,
    expect.objectContaining({ city: 'Shelbyville', state: 'NY', is_verified: false, is_default: true }),
  ]);
  expect(moved.body).not.toHaveProperty('street2');
  expect(moved.etag).toBe(`"${moved.body.changed_seq}"`);
  // As if the response had been lost.
  expect(await put(ids, { 'if-match': seen }, { city: 'Shelbyville', street2: null })).toEqual(moved);
  const stale = await put(ids, { 'if-match': seen }, { city: 'Ogdenville' });
  expect([stale.status, stale.body.type]).toEqual([412, 'urn:persona:error:stale_version']);
  const withoutVersion = await put(ids, {}, { city: 'Ogdenville' });
  expect([withoutVersion.status, withoutVersion.body.type]).toEqual([
    428,
    'urn:persona:error:version_required',
  ]);
  const key = { 'if-match': moved.etag, 'idempotency-key': randomUUID() };
  const first = await put(ids, key, { city: 'Ogdenville' });
  expect([first.status, await put(ids, key, { city: 'Ogdenville' })]).toEqual([200, first]);
  const other = await put(ids, key, { city: 'Capital City' });
  expect([other.status, other.body.type]).toEqual([422, 'urn:persona:error:idempotency_key_reused']);
});

test('of ten concurrent changes of one version one counts', async () => {
  const ids = await newAddress();
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, n) => put(ids, { 'if-match': ids.etag }, { street1: `${n} Side Street` })),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(9).fill(412)]);
  const winner = answers.find(({ status }) => status === 200);
  expect((await sendRequest(api.first, pathOf(ids))).body).toEqual(winner?.body);
});

test('a removed address is gone immediately, and the next one becomes the default; a repeat gets the same response', async () => {
  const ids = await newAddress();
  const second = await add(ids.customer_id, { street1: '2 Main Street' });
  expect((await remove(ids, {})).status).toBe(428);
  expect((await remove(ids, { 'if-match': '"1"' })).status).toBe(412);
  const seen = { 'if-match': ids.etag };
  expect([(await remove(ids, seen)).status, (await remove(ids, seen)).status]).toEqual([204, 204]);
  expect((await remove(ids, { 'if-match': '*' })).status).toBe(404);
  expect((await sendRequest(api.first, pathOf(ids))).status).toBe(404);
  const { items } = (await sendRequest(api.first, listOf(ids.customer_id))).body;
  expect(items).toMatchObject([{ address_id: second.body.address_id, is_default: true }]);
});

test.each(['is_verified', 'changed_seq', 'address_id', 'version'])(
  'a customer cannot set %s',
  async (field) => {
    const ids = await newAddress();
    const value = { [field]: field === 'is_verified' ? true : '7' };
    for (const refused of [
      await add(ids.customer_id, value),
      await put(ids, { 'if-match': ids.etag }, { ...value, city: 'Shelbyville' }),
    ])
      expect([refused.status, refused.body.errors]).toEqual([
        422,
        [{ pointer: `#/${field}`, message: 'is read-only: Persona sets it' }],
      ]);
    expect((await sendRequest(api.first, pathOf(ids))).headers.get('etag')).toBe(ids.etag);
  },
);

test.each(['street1', 'street2', 'city', 'state', 'zip_code', 'country', 'note'])(
  'a card number is refused in %s',
  async (field) => {
    const ids = await newAddress();
    const value = { [field]: '4242 4242-4242 4242' };
    for (const refused of [
      await add(ids.customer_id, value),
      await put(ids, { 'if-match': ids.etag }, value),
    ]) {
      expect([refused.status, refused.body.type]).toEqual([422, 'urn:persona:error:card_number_refused']);
      expect(refused.body.errors[0].pointer).toBe(`#/${field}`);
      expect(JSON.stringify(refused.body)).not.toMatch(/4242[ -]?4242/);
    }
  },
);

test('another customer’s, an unknown or a suspended customer’s address is refused', async () => {
  const owner = await newAddress();
  const { customer_id } = await onboard(api.first);
  const any = { 'if-match': '*' };
  for (const ids of [
    { ...owner, customer_id },
    { ...owner, customer_id: randomUUID() },
    { ...owner, address_id: randomUUID() },
  ]) {
    const answers = [
      await sendRequest(api.first, pathOf(ids)),
      await put(ids, any, { city: 'Shelbyville' }),
      await remove(ids, any),
    ];
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
  }
  expect((await add(randomUUID())).status).toBe(404);
  expect((await sendRequest(api.first, listOf(randomUUID()))).status).toBe(404);
  expect((await sendRequest(api.first, pathOf(owner))).body).toMatchObject({ city: 'Springfield' });
  const suspension = { customer_id: owner.customer_id, status: 'suspended', reason: 'test' } as const;
  await setCustomerStatus(api.graph, testHeader(), suspension);
  const answers = [await add(owner.customer_id), await put(owner, any), await remove(owner, any)];
  expect(answers.map(({ status }) => status)).toEqual([403, 403, 403]);
});
