import { expect, test } from 'vitest';
import type { Remains } from './events/erasure.ts';
import { advanceRetention, beginRetention, lastMovement, RETAINED, retainedSince } from './retention.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-24T03:00:00Z');

test('what is kept for how long is counted back from the start of the run', () => {
  const retention = {
    ...{ idempotency: DAY, receipts: 400 * DAY, sightings: 30 * DAY, recovery: 60 * DAY },
    ...{ disclosures: 90 * DAY, financial: 3_653 * DAY },
  };
  const policy = { retention, catalogue: { additionalTypes: [], metricsFor: 2 * DAY } };
  const since = RETAINED.map((name) => new Date(retainedSince(name, NOW, policy)).toISOString().slice(0, 10));
  expect(Object.fromEntries(RETAINED.map((name, index) => [name, since[index]]))).toEqual({
    ...{ idempotency: '2026-11-23', receipts: '2025-10-20', metrics: '2026-11-22' },
    ...{ disclosures: '2026-08-26', sightings: '2026-10-25', recovery: '2026-09-25' },
    financial: '2016-11-23',
  });
});

test('a run goes through each policy page by page, and is complete after the last', () => {
  const begun = beginRetention(NOW);
  const step = RETAINED[0];
  const second = advanceRetention({ ...begun, step }, { removed: 3, next: 'device-9' });
  expect(second).toMatchObject({ step, after: 'device-9', counts: { idempotency: 3 } });
  const third = advanceRetention({ ...second, step }, { removed: 2 });
  expect(third).toMatchObject({ step: RETAINED[1], after: '', counts: { idempotency: 5, receipts: 0 } });
  const last = advanceRetention({ ...third, step: 'financial' }, { removed: 1 });
  expect(last).toMatchObject({ step: null, started: NOW, counts: { idempotency: 5, financial: 1 } });
});

test('what an erasure left is as old as the last movement of its payments', () => {
  const movedAt = (change: Partial<Remains>) =>
    new Date(
      lastMovement({ obligations: [], attempts: [], refunds: [], ...change }, '2020-05-01T00:00:00.000Z'),
    ).toISOString();
  const obligation = {
    ...{ payment_id: 'p', amount: 1, currency: 'USD', state: 'recovered' as const },
    ...{ gateway_ref: null, settled_ref: null, opened_at: '2011-01-01T00:00:00.000Z' },
  };
  const closed = { ...obligation, closed_at: '2011-02-01T00:00:00.000Z' };
  const refund = { payment_id: 'p', n: 1, refund_ref: 're_1', sent_at: '2012-03-01T00:00:00.000Z' };
  expect(movedAt({})).toBe('2020-05-01T00:00:00.000Z');
  expect(movedAt({ obligations: [{ ...obligation, closed_at: null }] })).toBe('2011-01-01T00:00:00.000Z');
  expect(movedAt({ obligations: [closed] })).toBe('2011-02-01T00:00:00.000Z');
  expect(movedAt({ obligations: [closed], refunds: [{ ...refund, failed_at: null }] })).toBe(
    '2012-03-01T00:00:00.000Z',
  );
  expect(movedAt({ refunds: [{ ...refund, failed_at: '2012-04-01T00:00:00.000Z' }] })).toBe(
    '2012-04-01T00:00:00.000Z',
  );
});
