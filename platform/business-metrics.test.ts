import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import type { EventData, EventType, RecordedEvent } from '../domain/events/event.ts';
import { createBusinessMetrics } from './business-metrics.ts';

function setUp() {
  const registry = new Registry();
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line)) });
  const count = createBusinessMetrics(registry, logger);
  const record = (name: string, events: RecordedEvent[], result: unknown = null) =>
    count({ name, events, result });
  /** The non-zero lines, without help and type. */
  const nonZeroSamples = async () =>
    (await registry.metrics()).split('\n').filter((line) => /^persona_.* [1-9]/.test(line));
  return { record, nonZeroSamples, lines };
}

const event = <T extends EventType>(type: T, data: Partial<EventData[T]>) =>
  ({ type, data }) as unknown as RecordedEvent;
const attempt = (data: Partial<EventData['RecoveryAttempted']>) =>
  event('RecoveryAttempted', {
    ...{ source: 'recovery', network: 'visa', amount: 1250, currency: 'EUR', class: null },
    ...data,
  });

test('a recovery is counted when it opens, at each attempt, and when it closes, with the recovered amount', async () => {
  const { record, nonZeroSamples } = setUp();
  record('openRecovery', [
    attempt({ source: 'reported', state: 'declined', class: 'HARD' }),
    event('RecoveryOpened', {}),
  ]);
  record('recordAttempt', [attempt({ state: 'declined', class: 'LATER' })]);
  record('recordAttempt', [
    attempt({ state: 'approved' }),
    event('RecoveryClosed', { state: 'recovered', class: 'HARD' }),
  ]);
  record('recordAttempt', [attempt({ state: 'approved' }), event('RecoveryOverpaid', {})]);
  record('closeRecovery', [event('RecoveryClosed', { state: 'exhausted', class: null })]);
  record('flagForReview', [event('RecoveryNeedsReview', {})]);
  expect(await nonZeroSamples()).toEqual([
    'persona_recoveries_opened_total{class="HARD",kind="opened"} 1',
    'persona_recoveries_total{outcome="recovered",class="HARD"} 1',
    'persona_recoveries_total{outcome="exhausted",class="none"} 1',
    'persona_recovery_reviews_total 1',
    'persona_recovery_attempts_total{state="declined",class="LATER"} 1',
    'persona_recovery_attempts_total{state="approved",class="none"} 2',
    'persona_recovered_minor_units_total{currency="EUR"} 1250',
    'persona_recoveries_overpaid_total 1',
  ]);
});

test('refunds are counted as sent by Persona or externally, and as failed immediately or later', async () => {
  const { record, nonZeroSamples } = setUp();
  const others = { amount: 250, currency: 'EUR' };
  record('recordRefund', [event('RefundSent', { by_others: null })]);
  record('followRefunds', [event('RefundSent', { by_others: others }), event('RefundFailed', {})]);
  const since = '2026-11-22T00:00:00.000Z';
  record('recordRefund', [event('RefundFailed', { retry: { since, next_at: since } })]);
  record('recordRefund', [event('RefundFailed', { retry: { since, next_at: null } })]);
  expect(await nonZeroSamples()).toEqual([
    'persona_refunds_total{result="sent"} 1',
    'persona_refunds_total{result="by_others"} 1',
    'persona_refunds_total{result="failed"} 3',
    'persona_refunds_total{result="given_up"} 1',
  ]);
});

test('unknown codes are counted by network and field, and logged', async () => {
  const { record, nonZeroSamples, lines } = setUp();
  const unmapped = ['network_code:ZZ', 'decline_code:[not a code]', 'code:a:b'];
  record('openRecovery', [attempt({ source: 'reported', state: 'declined', unmapped })]);
  expect(await nonZeroSamples()).toEqual([
    'persona_decline_unmapped_total{network="visa",field="network_code"} 1',
    'persona_decline_unmapped_total{network="visa",field="decline_code"} 1',
    'persona_decline_unmapped_total{network="visa",field="code"} 1',
  ]);
  expect(lines).toMatchObject([
    { msg: 'decline.unmapped', network: 'visa', field: 'network_code', code: 'ZZ' },
    { msg: 'decline.unmapped', field: 'decline_code', code: '[not a code]' },
    { msg: 'decline.unmapped', field: 'code', code: 'a:b' },
  ]);
});

test('fraud cases are counted by outcome, and so are reminders', async () => {
  const { record, nonZeroSamples } = setUp();
  record('applyFraudOutcome', [event('FraudOutcomeApplied', { outcome: 'suspected' })]);
  record('remindOfFraudReview', [event('FraudReviewReminded', {})]);
  record('decideFraudReview', [event('FraudOutcomeApplied', { outcome: 'cleared_in_review' })]);
  expect(await nonZeroSamples()).toEqual([
    'persona_fraud_outcomes_total{outcome="suspected"} 1',
    'persona_fraud_outcomes_total{outcome="cleared_in_review"} 1',
    'persona_fraud_review_reminders_total 1',
  ]);
});

test('onboardings are counted by how the customer was recognised, notices by result', async () => {
  const { record, nonZeroSamples } = setUp();
  const match = (rule: string, proven: boolean) => ({ match: { rule, proven } });
  record('onboard', [event('CustomerCreated', {})], { created: true, ...match('none', true) });
  record('onboard', [event('IdentityMatchSuggested', {}), event('IdentityMatchSuggested', {})], {
    created: false,
    ...match('email', false),
  });
  record('finishNotice', [event('NoticeSent', { template: 'recovered', channel: 'email' })]);
  record('finishNotice', [event('NoticeFailed', { template: 'reminder', channel: null })]);
  expect(await nonZeroSamples()).toEqual([
    'persona_onboardings_total{result="created",rule="none",proven="true"} 1',
    'persona_onboardings_total{result="recognised",rule="email",proven="false"} 1',
    'persona_match_suggestions_total 2',
    'persona_notices_total{template="recovered",channel="email",result="sent"} 1',
    'persona_notices_total{template="reminder",channel="none",result="failed"} 1',
  ]);
});

test('changes by the reconciliation are counted by event type, and so are mismatches left to an operator', async () => {
  const { record, nonZeroSamples } = setUp();
  const source = 'reconciliation';
  const removed = { ...event('PaymentMethodRemoved', {}), source };
  record('followPaymentMethod', [removed, { ...event('DefaultPaymentMethodChanged', {}), source }]);
  record('followPaymentMethod', [{ ...removed, source: 'workflow:followGateway' }]);
  const property = { label: 'PaymentMethod', property: 'gateway_mismatch' } as const;
  record('recordMismatch', [event('NodePropertyChanged', { ...property, value: 'other_owner' })]);
  record('recordMismatch', [event('NodePropertyChanged', { ...property, value: null })]);
  expect(await nonZeroSamples()).toEqual([
    'persona_reconciliation_events_total{type="PaymentMethodRemoved"} 1',
    'persona_reconciliation_events_total{type="DefaultPaymentMethodChanged"} 1',
    'persona_gateway_mismatches_total{mismatch="other_owner"} 1',
  ]);
});
