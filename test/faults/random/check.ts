/** What must be true afterwards, from the graph, its log and the gateway's ledger alone. */

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
/** Where a recovery may stand when nothing is under way. */
const PHASES = ['pending', 'unknown', 'needs_review', 'waiting', 'done'];
/** What an attempt may be, for what the ledger has under its key. `undefined`: nothing at all. */
const CONSISTENT_ATTEMPT_STATES: Record<string, readonly string[]> = {
  succeeded: ['approved'],
  refunded: ['approved'],
  processing: ['pending'],
  failed: ['declined'],
  canceled: ['declined', 'void'],
  undefined: ['declined', 'void', 'unknown'],
};

/** @returns what is wrong, a line each; empty when all is as it must be */
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

/** A card of a wallet whose charge was contested must not be charged next month as if nothing had happened. */
function unrecordedDisputes({ ledger, attempts, events }: ObservedState): string[] {
  const hasEvent = (eventType: string, method: string | undefined) =>
    events.some(({ type, data }) => type === eventType && data.payment_method_id === method);
  return ledger
    .filter((entry) => isPersonaCharge(entry) && entry.disputed)
    .flatMap(({ idempotency_key: key }) => {
      const method = attempts.find((attempt) => attempt.key === key)?.payment_method_id;
      const isKnown = hasEvent('PaymentMethodDisputed', method) || hasEvent('PaymentMethodRemoved', method);
      return isKnown ? [] : [`${key} was contested, and its card does not say so`];
    });
}

function attemptProblems(
  { key, state }: ObservedState['attempts'][number],
  ledger: readonly LedgerEntry[],
): string[] {
  const found = ledger.filter((entry) => entry.idempotency_key === key);
  if (found.length > 1) return [`${key} is in the ledger ${found.length} times`];
  const status = String(found[0]?.status);
  if (CONSISTENT_ATTEMPT_STATES[status]?.includes(state)) return [];
  // Its money came back before anybody knew that it had succeeded: a person decides.
  if (found[0] && state === 'unknown' && wasReversedExternally(found[0])) return [];
  // What others were paid meanwhile is the answer to a charge that the gateway did not make.
  if (
    !found[0] &&
    state === 'approved' &&
    ledger.some((entry) => !isPersonaCharge(entry) && hasSucceeded(entry))
  )
    return [];
  return [`${key} is ${state} in the graph and ${status} in the ledger`];
}
