import { describe, expect, test } from 'vitest';
import type { EventData, EventType, RecordedEvent } from '../events/event.ts';
import {
  contextRecordOf,
  contextTombstoneOf,
  logRecordOf,
  type PublishingFacts,
  recordOf,
} from './records.ts';
import { PARTITIONS, Topic, TOPIC_SETTINGS } from './topics.ts';

const NONE: PublishingFacts = { reportingCurrency: 'USD', owed: new Map(), newDefaults: new Map() };

function event<T extends EventType>(type: T, data: EventData[T], change: Partial<RecordedEvent> = {}) {
  return {
    ...{ id: 'e-1', stream: 'customer', stream_id: 'c-1', seq: 7, type, schema_version: 1 },
    occurred_at: '2026-11-24T10:00:00.250Z',
    recorded_at: '2026-11-24T10:00:01.000Z',
    ...{ source: 'checkout', actor: 'checkout', correlation_id: 'r-1', causation_id: null, data },
    ...change,
  } as RecordedEvent<T>;
}

/** Topic and the fields that only it has. */
function mapped<T extends EventType>(type: T, data: EventData[T], facts: Partial<PublishingFacts> = {}) {
  const record = recordOf(event(type, data), { ...NONE, ...facts });
  if (record === undefined) return undefined;
  const { event_id, customer_id, seq, occurred_at, correlation_id, ...fields } = record.value;
  expect({ event_id, customer_id, seq, correlation_id }).toEqual({
    ...{ event_id: 'e-1', customer_id: 'c-1', seq: 7, correlation_id: 'r-1' },
  });
  expect(occurred_at).toBe(Date.parse('2026-11-24T10:00:00.250Z'));
  expect([record.key, record.id, record.type]).toEqual(['c-1', 'e-1', type]);
  return [record.topic, fields];
}

const updated = (updated_fields: Record<string, string | null>) => [
  Topic.customerProfileUpdated,
  { updated_fields },
];
const SEALED = 's1:sealed';
const ADDRESS = {
  street1: SEALED,
  street2: null,
  city: SEALED,
  state: 'BY',
  zip_code: SEALED,
  country: 'DE',
};

describe('customer-profile-updated', () => {
  test('names segment, ltv, status and locale with their new values, and only names what else changed', () => {
    expect(
      mapped('CustomerProfileUpdated', { segment: 'VIP', locale: null, gateway_customer_ref: SEALED }),
    ).toEqual(updated({ segment: 'VIP', locale: null, gateway_customer_ref: 'changed' }));
    expect(
      mapped('CustomerStatusChanged', { old_status: 'active', new_status: 'suspended', reason: 'fraud' }),
    ).toEqual(updated({ status: 'suspended' }));
    expect(mapped('LtvAdjusted', { old_ltv_minor: 0, new_ltv_minor: 123_450, reason: 'paid' })).toEqual(
      updated({ ltv: '1234.50' }),
    );
    expect(
      mapped(
        'LtvAdjusted',
        { old_ltv_minor: 0, new_ltv_minor: 5, reason: 'x' },
        { reportingCurrency: 'JPY' },
      ),
    ).toEqual(updated({ ltv: '5' }));
    expect(
      mapped('CustomerCreated', {
        ...{ segment: 'NEW', locale: 'de', ltv_minor: 0, acquisition_date: '2026-11-24T10:00:00Z' },
        gateway_customer_ref: null,
      }),
    ).toEqual(updated({ segment: 'NEW', locale: 'de', status: 'active', ltv: '0.00' }));
  });

  test('says of addresses and identifiers only that they changed', () => {
    expect(
      mapped('AddressAdded', {
        ...{ address_id: 'a', type: 'shipping', is_default: true, is_verified: false, proven: true },
        ...{ awaits_identifier_id: null, ...ADDRESS },
      }),
    ).toEqual(updated({ addresses: 'changed' }));
    expect(mapped('DigitalIdentifierVerified', { identifier_id: 'i', evidence: SEALED })).toEqual(
      updated({ identifiers: 'changed' }),
    );
    expect(
      mapped('NodePropertyChanged', {
        label: 'DigitalIdentifier',
        id: 'i',
        property: 'is_verified',
        value: false,
      }),
    ).toEqual(updated({ identifiers: 'changed' }));
  });
});

describe('the wallet', () => {
  test('a new method is published without its token', () => {
    const data: EventData['PaymentMethodAdded'] = {
      payment_method_id: 'p',
      type: 'card',
      token: SEALED,
      brand: 'visa',
      network: 'visa',
      last_four: '4242',
      expiry_month: 1,
      expiry_year: 2030,
      expires_on: '2030-01-31',
      instrument_fingerprint: SEALED,
      off_session_consent: false,
      consent_at: null,
      consent_source: null,
      added_by: 'customer',
      proven: true,
      awaits_identifier_id: null,
      device_id: null,
    };
    expect(mapped('PaymentMethodAdded', data)).toEqual([
      Topic.paymentMethodAdded,
      { payment_method_id: 'p', type: 'card', brand: 'visa', last_four: '4242', is_default: false },
    ]);
  });

  test('a change names what changed, not to what', () => {
    expect(
      mapped('PaymentMethodUpdated', { payment_method_id: 'p', token: SEALED, expiry_year: 2031 }),
    ).toEqual([
      Topic.paymentMethodChanged,
      { payment_method_id: 'p', change: 'updated', changed_fields: ['expiry_year', 'token'] },
    ]);
    expect(mapped('PaymentMethodRemoved', { payment_method_id: 'p', old_status: 'active' })).toEqual([
      Topic.paymentMethodChanged,
      { payment_method_id: 'p', change: 'removed', changed_fields: [] },
    ]);
  });

  test('a default that leaves without another one is named', () => {
    const change = (payment_method_id: string | null, previous_payment_method_id: string | null) =>
      mapped('DefaultPaymentMethodChanged', { payment_method_id, previous_payment_method_id, reason: 'x' });
    expect(change('p', 'q')?.[1]).toMatchObject({ payment_method_id: 'p', change: 'made_default' });
    expect(change(null, 'q')?.[1]).toMatchObject({ payment_method_id: 'q', change: 'no_longer_default' });
    expect(change(null, null)).toBeUndefined();
  });

  test('what is internal to the graph stays in the log', () => {
    const property = { label: 'PaymentMethod', id: 'p', property: 'expiry_wanted_at', value: null } as const;
    expect(mapped('NodePropertyChanged', property)).toBeUndefined();
    expect(
      mapped('NodePropertyChanged', { label: 'Obligation', id: 'o', property: 'paused', value: true }),
    ).toBeUndefined();
  });
});

describe('recovery', () => {
  const closed: EventData['RecoveryClosed'] = {
    payment_id: 'o',
    state: 'recovered',
    rule: 'approved',
    class: 'LATER',
    payment_method_id: 'p',
    closed_at: '2026-11-24T10:00:00Z',
    payment_ref: null,
  };

  test('a closed one has what was owed and the new default, which its event does not have', () => {
    const facts = {
      owed: new Map([['e-1', { amount: 1_250, currency: 'EUR' }]]),
      newDefaults: new Map([['e-1', 'p']]),
    };
    expect(mapped('RecoveryClosed', closed, facts)).toEqual([
      Topic.recovery,
      {
        ...{ payment_id: 'o', kind: 'recovered', outcome: 'recovered', amount: 1_250, currency: 'EUR' },
        ...{ attempt_n: null, payment_method_id: 'p', attempt_state: null, class: 'LATER', rule: 'approved' },
        new_default_payment_method_id: 'p',
      },
    ]);
    expect(mapped('RecoveryClosed', closed)?.[1]).toMatchObject({ amount: null, currency: null });
  });

  test('an attempt has its own amount, number, state and class', () => {
    expect(
      mapped('RecoveryAttempted', {
        ...{ key: 'k', n: 2, source: 'recovery', payment_id: 'o', payment_method_id: 'p', network: 'visa' },
        ...{ amount: 900, currency: 'EUR', state: 'declined', class: 'HARD', rule: 'stolen', code: 'x' },
        ...{ gateway_ref: null, payment_ref: null, attempted_at: 'x', resolved_at: null },
      })?.[1],
    ).toMatchObject({
      ...{ kind: 'attempted', attempt_n: 2, attempt_state: 'declined', class: 'HARD', rule: 'stolen' },
      ...{ amount: 900, currency: 'EUR', payment_method_id: 'p', outcome: null },
    });
  });
});

test('a device’s record belongs to no customer and names those that use it', () => {
  const data = {
    ...{ old_trust_score: 0.5, new_trust_score: 0.9, observed_at: '2026-11-24T10:00:00Z' },
    ...{ customer_ids: ['c-1', 'c-2'], linked_customers: 2 },
  };
  const record = recordOf(
    event('DeviceTrustScoreUpdated', data, { stream: 'device', stream_id: 'd-1' }),
    NONE,
  );
  expect(record).toMatchObject({ topic: Topic.deviceTrustScoreUpdated, key: 'd-1' });
  expect(record?.value).toMatchObject({
    device_id: 'd-1',
    customer_ids: ['c-1', 'c-2'],
    linked_customers: 2,
  });
  expect(record?.value).not.toHaveProperty('customer_id');
});

test('a notice says how it ended, and about what', () => {
  const about = { notification_id: 'n', template: 'recovered', payment_id: 'o' };
  expect(mapped('NoticeSent', { ...about, channel: 'email' })?.[1]).toMatchObject({
    outcome: 'sent',
    reason: null,
  });
  expect(mapped('NoticeFailed', { ...about, channel: null, reason: 'no address' })?.[1]).toEqual({
    ...{ ...about, channel: null, outcome: 'failed', reason: 'no address' },
    ...{ case_id: null, payment_method_id: null },
  });
});

test('the log has every event as it is stored', () => {
  const { data, ...stored } = event('DigitalIdentifierRemoved', { identifier_id: 'i' });
  const record = logRecordOf({ ...stored, data: JSON.stringify(data) });
  const { id, ...rest } = stored;
  expect(record).toMatchObject({ topic: Topic.log, key: 'c-1', id });
  expect(record.value).toEqual({
    ...rest,
    event_id: id,
    occurred_at: Date.parse(stored.occurred_at),
    recorded_at: Date.parse(stored.recorded_at),
    data: '{"identifier_id":"i"}',
  });
});

test('an erased customer is named and nothing else, and the context becomes a tombstone', () => {
  expect(mapped('ErasureAnnounced', {})).toEqual([Topic.customerErased, {}]);
  const { data: _, ...announced } = event('ErasureAnnounced', {});
  expect(contextTombstoneOf(announced)).toMatchObject({
    ...{ topic: Topic.customerContext, key: 'c-1', id: 'c-1:7', type: 'CustomerContext', value: null },
  });
});

test('a context has no devices, and its version tells repetitions apart', () => {
  const context = {
    ...{ customer_id: 'c-1', is_vip: false, ltv_minor: 100, segment: 'NEW', status: 'active' },
    ...{ payment_method_count: 1, verified_shipping_address_count: 0, version: 9 },
    ...{ as_of: '2026-11-24T10:00:00.000Z', trusted_devices: [{ device_id: 'd' }] },
  };
  const record = contextRecordOf(context, NONE);
  expect(record).toMatchObject({ topic: Topic.customerContext, key: 'c-1', id: 'c-1:9' });
  expect(record.value).toEqual({
    ...{ customer_id: 'c-1', version: 9, as_of: Date.parse(context.as_of), is_vip: false, segment: 'NEW' },
    ...{ status: 'active', ltv: '1.00', ltv_currency: 'USD', default_payment_method_id: null },
    ...{ payment_method_count: 1, verified_shipping_address_count: 0 },
  });
});

test('open properties of a person leave Kafka within thirty days; the log, which seals them, is kept', () => {
  const day = 24 * 3_600_000;
  for (const topic of Object.values(Topic)) {
    const settings = TOPIC_SETTINGS[topic];
    if (topic === Topic.log) expect(settings['retention.ms']).toBe('-1');
    else if (topic === Topic.customerContext) expect(settings['cleanup.policy']).toBe('compact');
    // A segment is deleted once its newest record is old enough.
    else
      expect(Number(settings['retention.ms']) + Number(settings['segment.ms'])).toBeLessThanOrEqual(30 * day);
  }
  expect(PARTITIONS).toBe(12);
});
