/** A customer's profile and identifiers over REST, against two real API processes. */

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { setCustomerStatus } from '../../../graph/index.ts';
import { randomEmail, randomPhone, testHeader } from '../../../test/test-graph.ts';
import {
  cardMethod,
  matchesExactly,
  newCustomerRequest,
  onboard,
  sendChange,
  sendRequest,
  startTwoApis,
} from '../../api-fixtures.ts';
import { profile as profileSchema } from '../schemas/wallet.ts';

const api = startTwoApis();

const pathOf = (customer_id: string) => `/api/v1/customers/${customer_id}/profile`;
const put = (customer_id: string, headers: Record<string, string>, body: unknown) =>
  sendChange(api.second, 'PUT', pathOf(customer_id), { headers, body });
const readProfile = (customer_id: string) => sendRequest(api.first, pathOf(customer_id));
const email = (value: string) => ({ type: 'email', value });

/** A customer with a verified e-mail address. */
async function newCustomer() {
  const value = randomEmail();
  const { customer_id } = await onboard(api.first, {
    digital_identifiers: [{ ...email(value), is_verified: true }],
  });
  return { customer_id, value, etag: (await readProfile(customer_id)).headers.get('etag') ?? '' };
}

test('locale and identifiers are replaced on the version that was read: known ones stay verified, new ones are not', async () => {
  const { customer_id, value, etag } = await newCustomer();
  const [phone, dropped] = [randomPhone(), randomEmail()];
  const first = await put(customer_id, { 'if-match': etag }, { identifiers: [email(value), email(dropped)] });
  expect([first.status, first.body.identifiers]).toEqual([
    200,
    [
      expect.objectContaining({ ...email(value), is_verified: true }),
      expect.objectContaining({ ...email(dropped), is_verified: false }),
    ],
  ]);
  const list = [email(` ${value.toUpperCase()}`), { type: 'phone_number', value: phone }];
  const change = { locale: 'de_AT', identifiers: list };
  const changed = await put(customer_id, { 'if-match': first.etag }, change);
  expect([changed.status, changed.body]).toEqual([
    200,
    expect.objectContaining({
      locale: 'de-AT',
      identifiers: [
        expect.objectContaining({ ...email(value), is_verified: true }),
        expect.objectContaining({ type: 'phone_number', value: phone, is_verified: false }),
      ],
    }),
  ]);
  expect(matchesExactly(profileSchema, changed.body)).toBe(true);
  expect(changed.etag).toBe(`"${changed.body.changed_seq}"`);
  // As if the response had been lost.
  expect(await put(customer_id, { 'if-match': first.etag }, change)).toEqual(changed);
  const stale = await put(customer_id, { 'if-match': first.etag }, { locale: 'fr' });
  expect([stale.status, stale.body.type]).toEqual([412, 'urn:persona:error:stale_version']);
  const withoutVersion = await put(customer_id, {}, { locale: 'fr' });
  expect([withoutVersion.status, withoutVersion.body.type]).toEqual([
    428,
    'urn:persona:error:version_required',
  ]);
  const key = { 'if-match': changed.etag, 'idempotency-key': randomUUID() };
  const french = await put(customer_id, key, { locale: 'fr' });
  expect(french.body).toMatchObject({ locale: 'fr', identifiers: changed.body.identifiers });
  expect(await put(customer_id, key, { locale: 'fr' })).toEqual(french);
  const other = await put(customer_id, key, { locale: 'it' });
  expect([other.status, other.body.type]).toEqual([422, 'urn:persona:error:idempotency_key_reused']);
  // The dropped address is free again.
  const next = await newCustomer();
  const taken = { identifiers: [email(next.value), email(dropped)] };
  expect((await put(next.customer_id, { 'if-match': next.etag }, taken)).status).toBe(200);
});

test('of ten concurrent changes of one version one counts, completely', async () => {
  const { customer_id, value, etag } = await newCustomer();
  const bodies = Array.from({ length: 10 }, (_, n) => ({
    locale: `de-${10 + n}0`,
    identifiers: [email(value), email(randomEmail())],
  }));
  const answers = await Promise.all(bodies.map((body) => put(customer_id, { 'if-match': etag }, body)));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(9).fill(412)]);
  const winner = bodies[answers.findIndex(({ status }) => status === 200)];
  expect((await readProfile(customer_id)).body).toMatchObject({
    locale: winner?.locale,
    identifiers: winner?.identifiers,
  });
});

test('another customer’s e-mail address is 409, and nothing of the request counts', async () => {
  const [holder, { customer_id, value, etag }] = [await newCustomer(), await newCustomer()];
  const identifiers = [email(randomEmail()), email(holder.value)];
  const refused = await put(customer_id, { 'if-match': etag }, { locale: 'fr', identifiers });
  expect([refused.status, refused.body.type]).toEqual([
    409,
    'urn:persona:error:identifier_belongs_to_other_customer',
  ]);
  const { body, headers } = await readProfile(customer_id);
  expect([headers.get('etag'), body.identifiers]).toEqual([etag, [expect.objectContaining(email(value))]]);
  expect(body).not.toHaveProperty('locale');
});

test.each(['status', 'ltv', 'segment', 'version', 'changed_seq', 'payment_method_count', 'customer_id'])(
  'a customer cannot set %s',
  async (field) => {
    const { customer_id, etag } = await newCustomer();
    const refused = await put(customer_id, { 'if-match': etag }, { locale: 'fr', [field]: 'VIP' });
    expect([refused.status, refused.body.errors]).toEqual([
      422,
      [{ pointer: `#/${field}`, message: 'is read-only: Persona sets it' }],
    ]);
    expect((await readProfile(customer_id)).headers.get('etag')).toBe(etag);
  },
);

test('all problems of a change are reported together, and a card number is refused in any field', async () => {
  const { customer_id, etag } = await newCustomer();
  const identifiers = [
    { ...email('a..b@shop.example'), is_verified: true },
    { type: 'phone_number', value: '555 0142' },
    email('anonymous@shop.example'),
    { type: 'fax', value: randomEmail() },
  ];
  const refused = await put(customer_id, { 'if-match': etag }, { locale: 'Deutsch!', identifiers });
  expect(refused.status).toBe(422);
  expect(refused.body.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual([
    '#/identifiers/0/is_verified',
    '#/identifiers/0/value',
    '#/identifiers/1/value',
    '#/identifiers/2/value',
    '#/identifiers/3/type',
    '#/locale',
  ]);
  const empty = await put(customer_id, { 'if-match': etag }, {});
  expect([empty.status, empty.body.errors]).toEqual([
    422,
    [{ pointer: '#', message: 'must contain locale, identifiers, or both' }],
  ]);
  for (const [pointer, body] of [
    ['#/locale', { locale: '4242 4242 4242 4242' }],
    ['#/identifiers/0/value', { identifiers: [email('4242424242424242')] }],
    ['#/note', { locale: 'fr', note: '4242-4242-4242-4242' }],
  ] as const) {
    const card = await put(customer_id, { 'if-match': etag }, body);
    expect([card.status, card.body.type]).toEqual([422, 'urn:persona:error:card_number_refused']);
    expect(card.body.errors[0].pointer).toBe(pointer);
    expect(JSON.stringify(card.body)).not.toMatch(/4242[ -]?4242/);
  }
  expect((await readProfile(customer_id)).headers.get('etag')).toBe(etag);
});

test('the profile of an unknown or a suspended customer cannot be changed', async () => {
  const { customer_id, etag } = await newCustomer();
  const change = { locale: 'fr' };
  expect((await put(randomUUID(), { 'if-match': '*' }, change)).status).toBe(404);
  await setCustomerStatus(api.graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
  expect((await put(customer_id, { 'if-match': etag }, change)).status).toBe(403);
});

const verify = (
  { customer_id, identifier_id }: { customer_id: string; identifier_id: string },
  body: unknown,
  key: string | undefined = randomUUID(),
  at = api.first,
) =>
  sendRequest(at, `/api/v1/customers/${customer_id}/identifiers/${identifier_id}/verify`, body, {
    ...(key !== '' && { 'idempotency-key': key }),
  });

/** A customer with a verified e-mail address, and a new one that is not verified. */
async function unverifiedIdentifier() {
  const { customer_id, value, etag } = await newCustomer();
  const added = randomEmail();
  const { body } = await put(
    customer_id,
    { 'if-match': etag },
    { identifiers: [email(value), email(added)] },
  );
  const { identifier_id } = body.identifiers.find((one: { value: string }) => one.value === added);
  return { customer_id, identifier_id: identifier_id as string, value: added };
}

test('a service states that an identifier is verified; its key repeated at another process changes nothing', async () => {
  const ids = await unverifiedIdentifier();
  const key = randomUUID();
  const evidence = { evidence: 'code sent and returned' };
  const verified = await verify(ids, evidence, key);
  expect(verified.status).toBe(200);
  expect(matchesExactly(profileSchema, verified.body)).toBe(true);
  expect(verified.headers.get('etag')).toBe(`"${verified.body.changed_seq}"`);
  expect(verified.body.identifiers).toContainEqual(
    expect.objectContaining({ identifier_id: ids.identifier_id, is_verified: true }),
  );
  const again = await verify(ids, evidence, key, api.second);
  expect([again.status, again.body]).toEqual([200, verified.body]);
  const other = await verify(ids, { evidence: 'something else' }, key);
  expect([other.status, other.body.type]).toEqual([422, 'urn:persona:error:idempotency_key_reused']);
  const withoutKey = await verify(ids, evidence, '');
  expect([withoutKey.status, withoutKey.body.type]).toEqual([
    400,
    'urn:persona:error:idempotency_key_required',
  ]);
  expect(await verify(ids, evidence)).toMatchObject({ status: 200, body: { version: again.body.version } });
});

test('the evidence is in the event, encrypted, and nowhere else in the graph', async () => {
  const ids = await unverifiedIdentifier();
  const mark = `mark${randomUUID().replaceAll('-', '')}`;
  expect((await verify(ids, { evidence: `challenge ${mark}` })).status).toBe(200);
  const [event] = await api.graph.read<{ data: string; actor: string }>(
    `MATCH (e:PersonaEvent {stream_id: $customer_id}) WHERE e.type = 'DigitalIdentifierVerified'
     RETURN e.data AS data, e.actor AS actor ORDER BY e.seq DESC LIMIT 1`,
    { customer_id: ids.customer_id },
  );
  expect(event?.actor).toBe(`customer:${ids.customer_id}`);
  expect(JSON.parse(event?.data ?? '')).toEqual({
    identifier_id: ids.identifier_id,
    evidence: expect.stringMatching(/^s1:/),
  });
  const plain = await api.graph.read(
    `MATCH (n) WHERE any(name IN keys(n) WHERE toStringOrNull(n[name]) CONTAINS $mark) RETURN labels(n) LIMIT 1`,
    { mark },
  );
  expect(plain).toEqual([]);
});

test.each([
  ['missing', {}, 'invalid_argument'],
  ['empty', { evidence: '' }, 'invalid_argument'],
  ['too long', { evidence: 'x'.repeat(1001) }, 'invalid_argument'],
  ['of several lines', { evidence: 'two\nlines' }, 'invalid_argument'],
  ['with a card number', { evidence: 'card 4242 4242 4242 4242' }, 'card_number_refused'],
])('evidence that is %s is refused', async (_, body, type) => {
  const ids = await unverifiedIdentifier();
  const refused = await verify(ids, body);
  expect([refused.status, refused.body.type]).toEqual([422, `urn:persona:error:${type}`]);
  expect(refused.body.errors).toMatchObject([{ pointer: '#/evidence' }]);
});

test('an unknown identifier and another customer’s are 404', async () => {
  const ids = await unverifiedIdentifier();
  const { customer_id } = await newCustomer();
  for (const other of [
    { ...ids, customer_id },
    { ...ids, customer_id: randomUUID() },
    { ...ids, identifier_id: randomUUID() },
  ])
    expect((await verify(other, { evidence: 'e' })).status).toBe(404);
  const { body } = await readProfile(ids.customer_id);
  expect(body.identifiers).toContainEqual(
    expect.objectContaining({ identifier_id: ids.identifier_id, is_verified: false }),
  );
});

test('a card that was onboarded through the identifier is the customer’s own once it is verified, without consent', async () => {
  const ids = await unverifiedIdentifier();
  const { customer_id } = ids;
  const request = newCustomerRequest({
    digital_identifiers: [email(ids.value)],
    payment_method_details: cardMethod(),
  });
  const met = await sendRequest(api.first, '/api/v1/customers', request);
  expect(met.body).toMatchObject({ customer_id, match: { proven: false }, payment_method_status: 'active' });
  const wallet = async () =>
    (await sendRequest(api.second, `/api/v1/customers/${customer_id}/payment-methods`)).body.items;
  expect(await wallet()).toEqual([]);
  expect((await verify(ids, { evidence: 'code sent and returned' })).status).toBe(200);
  expect(await wallet()).toMatchObject([
    {
      payment_method_id: met.body.payment_method_id,
      is_default: true,
      off_session_consent: false,
    },
  ]);
});
