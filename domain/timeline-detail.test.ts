import { expect, test } from 'vitest';
import { english } from './texts/en.ts';
import { eventDetail, type LoggedEvent } from './timeline-detail.ts';

const CUSTOMER = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';
const METHOD = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e22';
const MASKED = [
  'IdentityMatchSuggested',
  'IdentityMatchResolved',
  'PaymentMethodDisputed',
  'DeviceTrustScoreUpdated',
  'FraudOutcomeApplied',
  'FraudReviewReminded',
];

const context = {
  customer_id: CUSTOMER,
  locale: null,
  methods: new Map([[METHOD, { brand: 'visa', last_four: '4242' }]]),
  proven: new Map([[METHOD, true]]),
  unseal: (sealed: string, ...place: string[]) => `opened ${sealed} of ${place.join('/')}`,
};
const detailOf = (type: string, data: object, change: Partial<LoggedEvent> = {}, proven = context.proven) =>
  eventDetail(
    {
      ...{ seq: 7, type, schema_version: 1, source: 'agent:checkout', actor: `customer:${CUSTOMER}` },
      ...{ occurred_at: '2026-04-18T10:00:00.000Z', recorded_at: '2026-04-18T10:00:01.000Z' },
      ...{ causation_id: null, data: data as LoggedEvent['data'], notes: [], ...change },
    },
    { ...context, proven },
  );

test('an event is shown with its data, who reported and did it, and what decided', () => {
  const added = { identifier_id: 'i', type: 'email', value: 's1:x', is_verified: false };
  expect(detailOf('DigitalIdentifierAdded', added, { causation_id: 'order-1' })).toEqual({
    seq: 7,
    type: 'DigitalIdentifierAdded',
    occurred_at: '2026-04-18T10:00:00.000Z',
    recorded_at: '2026-04-18T10:00:01.000Z',
    source: 'checkout',
    actor: 'customer',
    text: 'An e-mail address was added.',
    why: 'You did this.',
    data: { ...added, value: 'opened s1:x of DigitalIdentifier/i/value' },
    caused_by: 'order-1',
    notes: [],
  });
  const notes = [{ text: 's1:n', noted_at: '2026-04-19T10:00:00.000Z' }];
  const opened = [{ ...notes[0], text: `opened s1:n of Note/${CUSTOMER}:7/text` }];
  expect(detailOf('AddressRemoved', { address_id: 'a' }, { notes }).notes).toEqual(opened);
  expect(detailOf('FraudOutcomeApplied', {}, { notes })).toMatchObject({ type: 'Masked', notes: opened });
});

test('what decided is said in words, for every caller', () => {
  const byPersona = { actor: 'persona', source: 'workflow:recoverPayment' };
  const attempt = { payment_method_id: METHOD, payment_id: 'p', amount: 100, currency: 'USD' };
  const why = (type: string, data: object) => detailOf(type, data, byPersona).why;
  const declined = (declineClass: string) =>
    why('RecoveryAttempted', { ...attempt, state: 'declined', class: declineClass });
  expect(declined('LATER')).toBe('The bank did not approve the payment this time.');
  expect(declined('FRAUD')).toBe(declined('HARD'));
  expect(why('DefaultPaymentMethodChanged', { payment_method_id: METHOD, reason: 'recovery' })).toBe(
    'It paid for what the previous default could not.',
  );
  const chosen = { payment_method_id: METHOD, reason: 'chosen by customer' };
  expect(why('DefaultPaymentMethodChanged', chosen)).toBe('You chose it.');
  expect(why('DeviceLinked', { device_id: 'd', proven: false })).toContain('not trusted until you confirm');
  expect(why('AddressRemoved', { address_id: 'a' })).toContain('without a person deciding');
  expect(detailOf('AddressRemoved', { address_id: 'a' }, { actor: 'jane' })).toMatchObject({
    actor: 'operator',
    why: 'A member of our team did this.',
  });
});

/** Every field that must not be shown, of any event, with a mark. */
const SECRETS = {
  ...{ token: 'XX-1', instrument_fingerprint: 'XX-2', fingerprint: 'XX-3', last_seen_ip: 'XX-4' },
  ...{ last_seen_user_agent: 'XX-5', trust_score: 'XX-6', rule: 'XX-7', code: 'XX-8', reason: 'XX-9' },
  ...{ case_id: 'XX-10', applied: 'XX-11', score: 'XX-12', evidence_of: 'XX-13', card_dead: 'XX-14' },
  ...{ unmapped: ['XX-15'], dispute_ref: 'XX-16', customer_ids: ['XX-17'], notification_id: 'fraud:XX-18' },
  ...{ property: 'fraud_known', value: 'XX-19', a_later_field: 'XX-20', trust_observed_at: 'XX-21' },
  ...{ class: 'FRAUD', old_status: 'compromised', new_status: 'compromised' },
};
const OPEN = {
  ...{ amount: 100, currency: 'USD', state: 'declined', payment_method_id: METHOD, payment_id: 'p' },
  ...{ by_others: null, label: 'Obligation', id: 'p' },
};

test.each([...Object.keys(english.timeline.events), ...MASKED])(
  '%s reveals nothing of a decision',
  (type) => {
    // An identifier's value and a time of use are the person's own, and an account is never compromised.
    const own = ['DigitalIdentifierAdded', 'RelationshipAttributeChanged'].includes(type) && { value: null };
    const account = type === 'CustomerStatusChanged' && { old_status: 'active', new_status: 'suspended' };
    // What the person has written is opened.
    const contest = type === 'EventContested' && { seq: 3, reason: 's1:r', restricts: null };
    const data = { ...OPEN, ...SECRETS, ...own, ...account, ...contest };
    for (const source of [
      'agent:chimera',
      'service:chimera-eu',
      'workflow:applyFraudOutcome',
      'agent:checkout',
    ])
      for (const actor of [source, 'jane', 'persona', `customer:${CUSTOMER}`]) {
        const versions = [1, 2, 3].map((schema_version) =>
          detailOf(type, data, { source, actor, schema_version, causation_id: 'caused' }),
        );
        const text = JSON.stringify(versions);
        expect(text).not.toMatch(/XX-|fraud|compromised|chimera|jane/i);
        expect(text.includes('caused')).toBe(source === 'agent:checkout' && !MASKED.includes(type));
        if (MASKED.includes(type))
          expect(versions).toEqual(versions.map(() => expect.objectContaining({ data: null })));
      }
  },
);

test('of a card or an address that is not proven to be the person’s only that it was added is shown', () => {
  const place = {
    street1: 's1:1',
    street2: null,
    city: 's1:2',
    state: 'XX-1',
    zip_code: 's1:3',
    country: 'XX-2',
  };
  const card = {
    ...{ brand: 'XX-1', network: 'XX-2', last_four: 'XX-3', expiry_month: 'XX-4', expiry_year: 'XX-5' },
    ...{ expires_on: 'XX-6', funding: 'XX-7', country: 'XX-8' },
  };
  const events = [
    ['PaymentMethodAdded', { payment_method_id: 'x', type: 'card', ...card, proven: false }],
    ['PaymentMethodUpdated', { payment_method_id: 'x', ...card }],
    ['AddressAdded', { address_id: 'x', type: 'shipping', ...place, proven: false }],
    ['AddressUpdated', { address_id: 'x', place }],
  ] as const;
  const shown = (proven: [string, boolean][]) =>
    events.map(([type, data]) =>
      /XX-|opened/.test(JSON.stringify(detailOf(type, data, {}, new Map(proven)))),
    );
  expect(shown([['x', false]])).toEqual([false, false, false, false]);
  expect(shown([['x', true]])).toEqual([true, true, true, true]);
  expect(detailOf('AddressUpdated', { address_id: 'x', place }, {}, new Map()).data).toMatchObject({
    place: { street1: 'opened s1:1 of Address/x/street1', street2: null },
  });
  // Removed since: what the event itself says.
  expect(shown([])).toEqual([false, true, false, true]);
});

test('a new version of an event, and a new type, are masked', () => {
  const position = {
    seq: 7,
    occurred_at: '2026-04-18T10:00:00.000Z',
    recorded_at: '2026-04-18T10:00:01.000Z',
  };
  const masked = { ...position, type: 'Masked', source: null, actor: null, why: null, data: null };
  expect(detailOf('AddressRemoved', {}, { schema_version: 99 })).toMatchObject(masked);
  expect(detailOf('OfANewerVersion', {})).toMatchObject(masked);
});
