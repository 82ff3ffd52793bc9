/** The invariants after a run, checked on the graph, its log and the gateway's ledger alone. */

import { PAID_BY_ANOTHER_METHOD } from '../../../domain/recovery/status.ts';
import { forbiddenCharges, forbiddenClaims } from './claims.ts';
import {
  wasReversedExternally,
  type ObservedState,
  hasSucceeded,
  isPersonaCharge,
  type LedgerEntry,
} from './observed-state.ts';
import { moneyProblems } from './money.ts';

const STATES = ['open', 'needs_review', 'recovered', 'stopped', 'exhausted', 'paid_elsewhere', 'cancelled'];
/** The states in which a recovery may rest. */
const PHASES = ['pending', 'unknown', 'needs_review', 'waiting', 'done'];
/** The permitted states of an attempt, by its status in the ledger. `undefined`: not in the ledger. */
const CONSISTENT_ATTEMPT_STATES: Record<string, readonly string[]> = {
  succeeded: ['approved'],
  refunded: ['approved'],
  processing: ['pending'],
  failed: ['declined'],
  canceled: ['declined', 'void'],
  undefined: ['declined', 'void', 'unknown'],
};

/** @returns one line per problem; empty if there are none */
export function findProblems(observed: ObservedState): string[] {
  const { payments, differences } = observed;
  return [
    ...payments.flatMap((payment) => problemsOf(payment, observed)),
    ...forbiddenCharges(observed),
    ...forbiddenClaims(observed),
    ...unrecordedDisputes(observed),
    ...differences.map((difference) => `graph and log disagree: ${JSON.stringify(difference)}`),
  ];
}

function problemsOf(payment: string, observed: ObservedState): string[] {
  const obligation = observed.obligations.find((one) => one.payment_id === payment);
  const state = obligation?.state ?? 'unknown to the graph';
  const phase = observed.phases[payment] ?? 'unknown to GetRecovery';
  const ledger = observed.ledger.filter((entry) => entry.payment_id === payment);
  const log = observed.events.filter(({ data }) => data.payment_id === payment);
  return [
    ...(STATES.includes(state) ? [] : [`${payment} is ${state}`]),
    ...(PHASES.includes(phase) ? [] : [`${payment}: its recovery is ${phase}`]),
    ...moneyProblems(payment, {
      ...{ state, ledger, log, unrelated: observed.unrelated },
      refunds_failed: obligation?.refunds_failed ?? [],
    }),
    ...observed.attempts
      .filter((attempt) => attempt.source === 'recovery' && attempt.payment_id === payment)
      .flatMap((attempt) => attemptProblems(attempt, ledger)),
  ];
}

/** A dispute must be recorded on its card, or the card would be charged again next month. */
function unrecordedDisputes({ ledger, attempts, events }: ObservedState): string[] {
  const hasEvent = (eventType: string, method: string | undefined) =>
    events.some(({ type, data }) => type === eventType && data.payment_method_id === method);
  return ledger
    .filter((entry) => isPersonaCharge(entry) && entry.disputed)
    .flatMap(({ idempotency_key: key }) => {
      const method = attempts.find((attempt) => attempt.key === key)?.payment_method_id;
      const isKnown = hasEvent('PaymentMethodDisputed', method) || hasEvent('PaymentMethodRemoved', method);
      return isKnown ? [] : [`${key} was disputed, and its card has no record of it`];
    });
}

function attemptProblems(
  { key, state, rule }: ObservedState['attempts'][number],
  ledger: readonly LedgerEntry[],
): string[] {
  const found = ledger.filter((entry) => entry.idempotency_key === key);
  if (found.length > 1) return [`${key} is in the ledger ${found.length} times`];
  const status = String(found[0]?.status);
  if (CONSISTENT_ATTEMPT_STATES[status]?.includes(state)) return [];
  // It was reversed before its success was known: an operator decides.
  if (found[0] && state === 'unknown' && wasReversedExternally(found[0])) return [];
  if (state === 'approved' && rule === PAID_BY_ANOTHER_METHOD && wasPaidExternally(found[0], ledger))
    return [];
  return [`${key} is ${state} in the graph and ${status} in the ledger`];
}

/** Whether an external payment resolves an attempt that charged nothing: the same payment, if the gateway declined it. */
function wasPaidExternally(declined: LedgerEntry | undefined, ledger: readonly LedgerEntry[]): boolean {
  return ledger.some(
    (entry) =>
      !isPersonaCharge(entry) &&
      hasSucceeded(entry) &&
      (declined === undefined ||
        (declined.status === 'failed' && declined.payment_intent === entry.payment_intent)),
  );
}
