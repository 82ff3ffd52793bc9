/**
 * Business metrics. Events are counted when their command is committed, in the process that committed it: each once,
 * regardless of retries and replays (unless the process dies between the commit and the count).
 */

import { Counter, type Registry } from 'prom-client';
import type { EventData, EventType, RecordedEvent } from '../domain/events/event.ts';
import type { OnboardingResult } from '../domain/onboarding/types.ts';
import type { Logger } from './logs.ts';

/** A committed command, as reported by the graph. */
export interface CommittedCommand {
  readonly name: string;
  readonly header: { readonly correlationId: string; readonly idempotencyKey: string };
  readonly events: readonly RecordedEvent[];
  readonly result: unknown;
}

/** The source of events caused by the reconciliation. */
const RECONCILIATION_SOURCE = 'reconciliation';

type EventCounters = { readonly [T in EventType]?: (data: EventData[T]) => void };

/** @returns to be called for each committed command */
export function createBusinessMetrics(
  registry: Registry,
  logger: Logger,
): (command: Pick<CommittedCommand, 'name' | 'events' | 'result'>) => void {
  const counter = <const L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name, help, labelNames: [...labelNames], registers: [registry] });

  const onboardings = counter(
    'persona_onboardings_total',
    'Onboardings, by how the customer was recognised',
    ['result', 'rule', 'proven'],
  );
  const suggestions = counter(
    'persona_match_suggestions_total',
    'Suggested matches of two customers who may be the same person',
  );
  const opened = counter(
    'persona_recoveries_opened_total',
    'Recoveries opened, by decline class of the failure',
    ['class', 'kind'],
  );
  const closed = counter(
    'persona_recoveries_total',
    'Recoveries closed, by outcome and decline class of the failure',
    ['outcome', 'class'],
  );
  const reviews = counter('persona_recovery_reviews_total', 'Recoveries that need an operator');
  const attempts = counter(
    'persona_recovery_attempts_total',
    'Results of charges; one that is resolved later counts as unresolved and by its outcome',
    ['state', 'class'],
  );
  const recovered = counter(
    'persona_recovered_minor_units_total',
    'Recovered amount, in minor units of the currency',
    ['currency'],
  );
  const overpaid = counter('persona_recoveries_overpaid_total', 'Payments that succeeded twice');
  const refunds = counter('persona_refunds_total', 'Refunds, by result', ['result']);
  const unmapped = counter('persona_decline_unmapped_total', 'Decline codes missing from the table', [
    'network',
    'field',
  ]);
  const outcomes = counter(
    'persona_fraud_outcomes_total',
    'Outcomes of fraud cases, including decisions in review',
    ['outcome'],
  );
  const reminders = counter('persona_fraud_review_reminders_total', 'Reminders of undecided fraud reviews');
  const contests = counter('persona_contests_total', 'Contests opened, and decided', ['result']);
  const corrections = counter(
    'persona_reconciliation_events_total',
    'Changes made by the reconciliation, by event type',
    ['type'],
  );
  const mismatches = counter(
    'persona_gateway_mismatches_total',
    'Payment methods that differ at the gateway in a way that needs an operator',
    ['mismatch'],
  );
  const notices = counter('persona_notices_total', 'Notices to customers', ['template', 'channel', 'result']);

  const eventCounters: EventCounters = {
    IdentityMatchSuggested: () => suggestions.inc(),
    RecoveryNeedsReview: () => reviews.inc(),
    RecoveryClosed: ({ state, class: declineClass }) =>
      closed.inc({ outcome: state, class: declineClass ?? 'none' }),
    RecoveryAttempted({ source, state, class: declineClass, network, unmapped: codes = [] }) {
      if (source === 'recovery') attempts.inc({ state, class: declineClass ?? 'none' });
      for (const entry of codes) {
        const [field = '', ...rest] = entry.split(':');
        const code = rest.join(':');
        unmapped.inc({ network: network ?? 'unknown', field });
        logger.warn({ network, field, code }, 'decline.unmapped');
      }
    },
    RecoveryOverpaid: () => overpaid.inc(),
    RefundSent: ({ by_others }) => refunds.inc({ result: by_others === null ? 'sent' : 'by_others' }),
    RefundFailed({ retry }) {
      refunds.inc({ result: 'failed' });
      if (retry?.next_at === null) refunds.inc({ result: 'given_up' });
    },
    FraudOutcomeApplied: ({ outcome }) => outcomes.inc({ outcome }),
    FraudReviewReminded: () => reminders.inc(),
    EventContested: () => contests.inc({ result: 'opened' }),
    ContestDecided: ({ decision }) => contests.inc({ result: decision }),
    NodePropertyChanged({ property, value }) {
      if (property === 'gateway_mismatch' && value !== null) mismatches.inc({ mismatch: value });
    },
    NoticeSent: ({ template, channel }) => notices.inc({ template, channel, result: 'sent' }),
    NoticeFailed: ({ template, channel }) =>
      notices.inc({ template, channel: channel ?? 'none', result: 'failed' }),
  };

  return ({ name, events, result }) => {
    for (const { type, data } of events)
      (eventCounters[type] as ((data: unknown) => void) | undefined)?.(data);
    if (name === 'onboard') {
      const { created, match } = result as OnboardingResult;
      onboardings.inc({
        result: created ? 'created' : 'recognised',
        rule: match.rule,
        proven: String(match.proven),
      });
    }
    for (const { source, type } of events) if (source === RECONCILIATION_SOURCE) corrections.inc({ type });
    countOpening(events);
    countRecovered(events);
  };

  /** The class is in the failure's own event, next to the opening event. */
  function countOpening(events: readonly RecordedEvent[]): void {
    const reported = dataOf(events, 'RecoveryAttempted')?.class ?? 'none';
    if (dataOf(events, 'RecoveryOpened')) opened.inc({ class: reported, kind: 'opened' });
    if (dataOf(events, 'RecoveryReopened')) opened.inc({ class: reported, kind: 'reopened' });
  }

  function countRecovered(events: readonly RecordedEvent[]): void {
    if (dataOf(events, 'RecoveryClosed')?.state !== 'recovered') return;
    const charge = events.findLast(isApproved);
    if (charge) recovered.inc({ currency: charge.data.currency }, charge.data.amount);
  }
}

function dataOf<T extends EventType>(events: readonly RecordedEvent[], type: T): EventData[T] | undefined {
  return events.find((event) => event.type === type)?.data as EventData[T] | undefined;
}

function isApproved(event: RecordedEvent): event is RecordedEvent<'RecoveryAttempted'> {
  return (
    event.type === 'RecoveryAttempted' && (event.data as EventData['RecoveryAttempted']).state === 'approved'
  );
}
