/** Who was paid for an obligation, by the ledger, and what the graph's log makes of it. */

import {
  wasReversedExternally,
  type ObservedState,
  hasSucceeded,
  isPersonaCharge,
  type LedgerEntry,
} from './observed-state.ts';

interface PaymentRecord {
  /** The obligation's. */
  state: string;
  refunds_failed: readonly string[];
  /** Of this obligation, whoever charged; in their order. */
  ledger: readonly LedgerEntry[];
  /** Of this obligation, in their order. */
  log: ObservedState['events'];
  unrelated: readonly string[];
}

const isRetained = (entry: LedgerEntry) => entry.status === 'succeeded' && !entry.disputed;
const isRefundedByPersona = (entry: LedgerEntry) =>
  entry.status === 'refunded' && entry.refunded_by === 'persona';

/** @returns what is wrong, a line each */
export function moneyProblems(payment: string, record: PaymentRecord): string[] {
  const retained = record.ledger.filter(isRetained);
  const own = retained.filter(isPersonaCharge);
  return [
    ...(own.length > 1 ? [`${payment} was charged ${own.length} times`] : []),
    // Whoever collected the second: it goes back, or the graph names it for a person.
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
  // Others' payment came back: ours is not a second one to it, and stays.
  const externalWasReversed = ledger.some(
    (entry) => !isPersonaCharge(entry) && hasSucceeded(entry) && wasReversedExternally(entry),
  );
  return own.length === 0 || externalWasReversed
    ? []
    : [`${payment} is ${state} and was charged ${own.length} times`];
}

/**
 * A success is given back only where another one stays: another of the ledger, or one that a settlement spoke of before
 * this one was known.
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

/** A payment that pays nothing of it settles nothing, unless its failure, which came later, has reopened it. */
function settlementProblems(payment: string, { log, unrelated }: PaymentRecord): string[] {
  const reopened = log.findLastIndex(({ type }) => type === 'RecoveryReopened');
  return log
    .slice(reopened + 1)
    .filter(({ type, data }) => type === 'RecoveryClosed' && unrelated.includes(data.payment_ref))
    .map(({ data }) => `${payment} was settled by ${data.payment_ref}, which is for something else`);
}

/** Once its customer has paid by the link of the payment that was reported, nothing is charged beside that. */
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
