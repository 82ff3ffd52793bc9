import { describe, expect, test } from 'vitest';
import { normalisePhone } from '../identity.ts';
import { isIpAddress } from '../ip-address.ts';
import { validateOnboarding } from './validate.ts';

const ID = '0198c0de-7000-7000-8000-000000000001';
const minimal = { transaction_id: 'txn-1', occurred_at: '2026-04-18T10:00:00.000Z' };
const full = {
  ...minimal,
  customer_id: ID,
  gateway_customer_ref: 'cus_1',
  customer_metadata: { segment: 'VIP', locale: 'de-DE', ltv: '1250.00' },
  payment_method_details: {
    type: 'card',
    token: 'pm_1',
    brand: 'Visa',
    network: 'visa',
    last_four: '0042',
    expiry_month: 12,
    expiry_year: 2028,
    instrument_fingerprint: 'fp_1',
    off_session_consent: true,
    consent_source: 'checkout',
  },
  device_details: { fingerprint: 'fp-1', ip: '2001:db8::1', user_agent: 'Mozilla/5.0', trust_score: 0.9 },
  address_details: {
    street1: '1 Main St',
    street2: 'Apt 2',
    city: 'Köln',
    state: 'NW',
    zip_code: '50667',
    country: 'DE',
    type: 'shipping',
    is_verified: true,
  },
  digital_identifiers: [
    { type: 'email', value: 'Anna@Example.com', is_verified: true },
    { type: 'phone_number', value: '+49 151 12345678' },
  ],
  behavioral_data_snapshot: '{"typing":1}',
};

/** The full request with one field, at any depth, replaced. */
function withField(path: string, value: unknown): unknown {
  const copy = structuredClone(full) as Record<string, unknown>;
  const keys = path.split(/[.[\]]+/).filter((key) => key !== '');
  const last = keys.pop() as string;
  const target = keys.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, copy);
  if (value === undefined) delete target[last];
  else target[last] = value;
  return copy;
}

function problemsOf(input: unknown): string[] {
  const result = validateOnboarding(input);
  return result.ok ? [] : result.problems.map(({ field }) => field);
}

function identifiersOf(input: object) {
  const result = validateOnboarding({ ...minimal, ...input });
  return result.ok ? result.request.digital_identifiers : result.problems;
}

const manyShort = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    email: `a${at}@example.com`,
    phone: `+49151123456${at + 10}`,
  }));

describe('a request', () => {
  test('with all fields, and with only the required ones, is accepted unchanged', () => {
    expect(validateOnboarding(full)).toEqual({ ok: true, request: full });
    const result = validateOnboarding(minimal);
    expect(result).toEqual({ ok: true, request: minimal });
    expect(result.ok && Object.keys(result.request)).toEqual(['transaction_id', 'occurred_at']);
  });

  test('is normalised', () => {
    const result = validateOnboarding({
      ...minimal,
      occurred_at: '2026-04-18T12:00:00+02:00',
      customer_id: ID.toUpperCase(),
      customer_metadata: { segment: 'gold_2', locale: 'de_DE', ltv: 12.5 },
      address_details: { ...full.address_details, country: 'de' },
      behavioral_data_snapshot: { typing: 1 },
      hint: 'an unknown field',
    });
    expect(result).toEqual({
      ok: true,
      request: {
        ...minimal,
        customer_id: ID,
        customer_metadata: { segment: 'GOLD_2', locale: 'de-DE', ltv: '12.5' },
        address_details: full.address_details,
        behavioral_data_snapshot: '{"typing":1}',
      },
    });
  });

  test('is refused with all its problems, each by its path', () => {
    const result = validateOnboarding({
      customer_id: 'x',
      customer_metadata: { segment: 'a b', locale: 'german', ltv: -1 },
      payment_method_details: {
        type: 'cash',
        expiry_month: 13,
        expiry_year: 28,
        last_four: '42',
        off_session_consent: 'yes',
      },
      device_details: { ip: '300.1.1.1', trust_score: 2 },
      address_details: { country: 'XX', type: 'home' },
      digital_identifiers: [{ type: 'fax', value: 'a@b.co' }, { type: 'email', value: 'nobody' }, 7],
      behavioral_data_snapshot: 7,
      occurred_at: 'now',
    });
    expect(result).toMatchObject({ ok: false, type: 'invalid_argument' });
    expect(problemsOf({})).toEqual(['transaction_id', 'occurred_at']);
    expect(result.ok || result.problems.map(({ field }) => field).sort()).toEqual(
      [
        'transaction_id',
        'customer_id',
        'customer_metadata.segment',
        'customer_metadata.locale',
        'customer_metadata.ltv',
        'payment_method_details.type',
        'payment_method_details.token',
        'payment_method_details.expiry_month',
        'payment_method_details.expiry_year',
        'payment_method_details.last_four',
        'payment_method_details.off_session_consent',
        'device_details.fingerprint',
        'device_details.ip',
        'device_details.trust_score',
        'address_details.street1',
        'address_details.city',
        'address_details.zip_code',
        'address_details.country',
        'address_details.type',
        'digital_identifiers[0].type',
        'digital_identifiers[1].value',
        'digital_identifiers[2]',
        'behavioral_data_snapshot',
        'occurred_at',
      ].sort(),
    );
  });

  test.each([
    ['transaction_id', 'x'.repeat(129)],
    ['transaction_id', 'a\tb'],
    ['gateway_customer_ref', 'cus 1'],
    ['customer_metadata', []],
    ['customer_metadata.ltv', '1e3'],
    ['customer_metadata.ltv', '12.12345'],
    ['payment_method_details', 'pm_1'],
    ['payment_method_details.type', undefined],
    ['payment_method_details.token', undefined],
    ['payment_method_details.token', 'x'.repeat(256)],
    ['payment_method_details.last_four', 42],
    ['payment_method_details.expiry_month', 0],
    ['payment_method_details.expiry_month', '12'],
    ['payment_method_details.expiry_month', undefined],
    ['payment_method_details.expiry_year', 1999],
    ['payment_method_details.expiry_year', undefined],
    ['device_details.fingerprint', undefined],
    ['device_details.fingerprint', 'x'.repeat(513)],
    ['device_details.trust_score', -0.1],
    ['device_details.trust_score', '0.5'],
    ['address_details.street1', undefined],
    ['address_details.zip_code', ''],
    ['address_details.country', 'DEU'],
    ['address_details.is_verified', 1],
    ['digital_identifiers[0].value', undefined],
    ['digital_identifiers[0].value', 'a@b'],
    ['digital_identifiers[0].is_verified', 'true'],
    ['digital_identifiers[1].value', 'call me'],
    ['occurred_at', null],
    // In UTC, a year that RFC 3339 cannot write.
    ['occurred_at', '0000-01-01T00:00:00+01:00'],
    ['occurred_at', '9999-12-31T23:59:59-01:00'],
  ])('%s %j is refused', (path, value) => {
    expect(problemsOf(withField(path, value))).toEqual([path]);
  });

  test('may have at most 20 identifiers', () => {
    const many = Array.from({ length: 21 }, (_, at) => ({ type: 'email', value: `a${at}@example.com` }));
    expect(problemsOf({ ...minimal, digital_identifiers: many })).toEqual(['digital_identifiers']);
    expect(problemsOf({ ...minimal, digital_identifiers: 'a@example.com' })).toEqual(['digital_identifiers']);
    const twenty = many.slice(1);
    expect(problemsOf({ ...minimal, digital_identifiers: twenty, email: 'b@example.com' })).toEqual([
      'digital_identifiers',
    ]);
  });

  // The entry point validates the original request, the workflow the normalised one.
  test.each([
    ['with all fields', full],
    ['with the maximum of identifiers', { digital_identifiers: manyShort(10) }],
    ['with measurements', { behavioral_data_snapshot: { pace: [0.4242424242424242, 1713434400.123] } }],
    ['with measurements as text', { behavioral_data_snapshot: { pace: '0.4242424242424242' } }],
    ['with ids in the snapshot', { behavioral_data_snapshot: { session_id: 4242424242424242 } }],
    ['with an empty snapshot', { behavioral_data_snapshot: [] }],
    ['at the earliest time', { occurred_at: '0000-01-01T01:00:00+01:00' }],
    ['at the latest time', { occurred_at: '9999-12-31T22:59:59-01:00' }],
  ])('%s has the same result when it is validated again', (_, change) => {
    const first = validateOnboarding({ ...minimal, ...change });
    if (!first.ok) throw new Error(JSON.stringify(first.problems));
    expect(validateOnboarding(first.request)).toEqual(first);
  });

  test('may have at most 20 identifiers also in short form', () => {
    expect(problemsOf({ ...minimal, digital_identifiers: manyShort(11) })).toEqual(['digital_identifiers']);
  });
});

describe('identifiers in short form', () => {
  const email = { type: 'email', value: 'a@example.com' };
  const phone = { type: 'phone_number', value: '+4915112345678' };

  test.each([
    ['a type', { digital_identifiers: [email, { ...phone, type: 'phone' }] }],
    ['an entry', { digital_identifiers: [{ email: email.value }, { phone: phone.value }] }],
    ['one entry with both', { digital_identifiers: [{ email: email.value, phone: phone.value }] }],
    ['the top of the request', { email: email.value, phone: phone.value }],
    ['list and top', { digital_identifiers: [email], phone: phone.value }],
  ])('as %s', (_form, input) => {
    expect(identifiersOf(input)).toEqual([email, phone]);
  });

  test('is_verified is preserved', () => {
    expect(identifiersOf({ digital_identifiers: [{ email: email.value, is_verified: true }] })).toEqual([
      { ...email, is_verified: true },
    ]);
  });

  test('a problem is reported by its field', () => {
    expect(problemsOf({ ...minimal, email: 'nobody', digital_identifiers: [{ phone: 'x' }, {}] })).toEqual([
      'digital_identifiers[0].phone',
      'digital_identifiers[1].type',
      'digital_identifiers[1].value',
      'email',
    ]);
  });

  test.each(['', '   ', 'null', 'anonymous', '000'])("a guest's placeholder %j is not a problem", (value) => {
    expect(identifiersOf({ digital_identifiers: [{ type: 'phone', value }] })).toEqual([
      { type: 'phone_number', value: value.trim() },
    ]);
    expect(validateOnboarding(withField('device_details.fingerprint', value)).ok).toBe(true);
  });

  test.each(['\u202a+49 151\u201112345678\u202c', '(+49) 151 12345678', '＋49 151 12345678'])(
    'a copied phone number, %j, is accepted',
    (value) => {
      expect(identifiersOf({ phone: value })).toEqual([{ type: 'phone_number', value }]);
      expect(normalisePhone(value)).toEqual({ ok: true, value: '+4915112345678' });
    },
  );

  test('null is not a problem either', () => {
    expect(identifiersOf({ digital_identifiers: [{ type: 'email', value: null }] })).toEqual([
      { type: 'email', value: '' },
    ]);
    expect(validateOnboarding(withField('device_details.fingerprint', null))).toMatchObject({
      ok: true,
      request: { device_details: { fingerprint: '' } },
    });
  });
});

describe('card data', () => {
  test.each([
    ['payment_method_details.token', '4242424242424242'],
    ['payment_method_details.brand', 'Visa 4242 4242 4242 4242'],
    ['payment_method_details.cvc', '123'],
    ['payment_method_details.number', 4242424242424242],
    ['address_details.street2', '4242-4242-4242-4242'],
    ['digital_identifiers[1].value', '4242424242424242'],
    ['device_details.user_agent', 'x 5555555555554444'],
    ['behavioral_data_snapshot', { typed: ['4242424242424242'] }],
    ['behavioral_data_snapshot', '{"typed": 6205500000000000004}'],
    ['behavioral_data_snapshot', '{"typed": "4242 4242 4242 4242"}'],
    ['behavioral_data_snapshot', 'typed 4242424242424242'],
    ['behavioral_data_snapshot', '["4242424242424242"'],
  ])('in %s is refused and not repeated', (path, value) => {
    const result = validateOnboarding(withField(path, value));
    expect(result).toMatchObject({ ok: false, type: 'card_number_refused' });
    expect(problemsOf(withField(path, value))[0]).toContain(path);
    expect(JSON.stringify(result)).not.toMatch(/4242|4444|0000/);
  });

  test('an id may look like a card number', () => {
    expect(validateOnboarding({ ...full, transaction_id: '4242424242424242' }).ok).toBe(true);
  });
});

test.each([
  ['192.0.2.1', true],
  ['255.255.255.255', true],
  ['256.0.0.1', false],
  ['192.0.2', false],
  ['192.0.2.1.1', false],
  ['::', true],
  ['::1', true],
  ['2001:db8::1', true],
  ['2001:db8:0:0:0:0:0:1', true],
  ['::ffff:192.0.2.1', true],
  ['1:2:3:4:5:6:192.0.2.1', true],
  ['1:2:3:4:5:6:7:8:9', false],
  ['1:2:3:4:5:6:7', false],
  ['1::2::3', false],
  ['1:2:3:4:5:6:7::', true],
  ['1:2:3:4:5:6:7::8', false],
  ['1:2:3:4::5:6:7:8', false],
  ['12345::', false],
  ['fe80::1%eth0', false],
  ['localhost', false],
  ['', false],
])('%j is an IP address: %s', (text, expected) => {
  expect(isIpAddress(text)).toBe(expected);
});

test.each([40, 9_000, 30_000])(
  'a snapshot nested %i levels deep is refused, as an object and as a text',
  (levels) => {
    const text = `${'['.repeat(levels)}1${']'.repeat(levels)}`;
    const required = { transaction_id: 't-1', occurred_at: '2026-04-18T10:00:00Z' };
    for (const behavioral_data_snapshot of [JSON.parse(text) as unknown, text])
      expect(validateOnboarding({ ...required, behavioral_data_snapshot })).toEqual({
        ok: false,
        type: 'invalid_argument',
        problems: [{ field: '', message: 'must not be nested deeper than 32 levels' }],
      });
  },
);
