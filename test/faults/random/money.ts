/** Checks the payments of an obligation in the ledger against the graph's log. */

import {
  wasReversedExternally,
  type ObservedState,
  hasSucceeded,
  isPersonaCharge,
  type LedgerEntry,
} from './observed-state.ts';

interface PaymentRecord {
  /** The obligation's state. */
  state: string;
  refunds_failed: readonly string[];
  /** All charges of this obligation, external ones included, in order. */
  ledger: readonly LedgerEntry[];
  /** The events of this obligation, in order. */
  log: ObservedState['events'];
  unrelated: readonly string[];
}

const isRetained = (entry: LedgerEntry) => entry.status === 'succeeded' && !entry.disputed;
const isRefundedByPersona = (entry: LedgerEntry) =>
  entry.status === 'refunded' && entry.refunded_by === 'persona';

/** @returns one line per problem */
export function moneyProblems(payment: string, record: PaymentRecord): string[] {
  const retained = record.ledger.filter(isRetained);
  const own = retained.filter(isPersonaCharge);
  return [
    ...(own.length > 1 ? [`${payment} was charged ${own.length} times`] : []),
    // A second success, from any source, is refunded or recorded in the graph for an operator.
    ...(retained.length > 1 + record.refunds_failed.length
      ? [`${payment} is paid ${retained.length} times`]
      : []),
    ...stateProblems(payment, record, own),
    ...refundProblems(payment, record),
    ...settlementProblems(payment, record),
    ...chargesAfterPayment(payment, record.ledger),
  ];
}

function stateProblems(
  payment: string,
  { state, ledger }: PaymentRecord,
  own: readonly LedgerEntry[],
): string[] {
  const notRefunded = ledger.filter((entry) => hasSucceeded(entry) && !isRefundedByPersona(entry));
  if (state === 'recovered')
    return notRefunded.length > 0 ? [] : [`${payment} is recovered and was charged 0 times`];
  // The external payment was reversed: Persona's is not a second success, and is not refunded.
  const externalWasReversed = ledger.some(
    (entry) => !isPersonaCharge(entry) && hasSucceeded(entry) && wasReversedExternally(entry),
  );
  return own.length === 0 || externalWasReversed
    ? []
    : [`${payment} is ${state} and was charged ${own.length} times`];
}

/**
 * A success is refunded only if another one remains: in the ledger, or reported by a settlement before this one was
 * known.
 */
function refundProblems(payment: string, { ledger, log }: PaymentRecord): string[] {
  const outcomes = log.filter(({ type }) => type === 'RecoveryClosed').map(({ data }) => data.state);
  const first = outcomes.find((outcome) => outcome === 'recovered' || outcome === 'paid_elsewhere');
  return ledger.filter(isRefundedByPersona).flatMap((refunded) => {
    const hasAnotherSuccess = ledger.some(
      (entry) => entry !== refunded && hasSucceeded(entry) && !isRefundedByPersona(entry),
    );
    return hasAnotherSuccess || first === 'paid_elsewhere'
      ? []
      : [`${payment}: its only success was refunded`];
  });
}

/** An unrelated payment settles nothing, unless a later failure report has reopened the obligation. */
function settlementProblems(payment: string, { log, unrelated }: PaymentRecord): string[] {
  const reopened = log.findLastIndex(({ type }) => type === 'RecoveryReopened');
  return log
    .slice(reopened + 1)
    .filter(({ type, data }) => type === 'RecoveryClosed' && unrelated.includes(data.payment_ref))
    .map(({ data }) => `${payment} was settled by ${data.payment_ref}, an unrelated payment`);
}

/** Once the customer has paid the reported payment, nothing else is charged. */
function chargesAfterPayment(payment: string, ledger: readonly LedgerEntry[]): string[] {
  const externalIndex = ledger.findIndex(
    (entry) => entry.idempotency_key?.startsWith('others:confirm:') && isRetained(entry),
  );
  const laterCharges =
    externalIndex < 0
      ? []
      : ledger.slice(externalIndex + 1).filter((entry) => isPersonaCharge(entry) && hasSucceeded(entry));
  return laterCharges.map(
    ({ idempotency_key: key }) => `${payment}: ${key} was charged after its customer had paid`,
  );
}
