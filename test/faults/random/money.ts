/** Who was paid for an obligation, by the ledger, and what the graph's log makes of it. */

import { cameBack, type Findings, hasSucceeded, isOwn, type LedgerEntry } from './found.ts';

interface Paid {
  /** The obligation's. */
  state: string;
  refunds_failed: readonly string[];
  /** Of this obligation, whoever charged; in their order. */
  ledger: readonly LedgerEntry[];
  /** Of this obligation, in their order. */
  log: Findings['events'];
  unrelated: readonly string[];
}

const isHeld = (entry: LedgerEntry) => entry.status === 'succeeded' && !entry.contested;
const isRefundedByPersona = (entry: LedgerEntry) =>
  entry.status === 'refunded' && entry.refunded_by === 'persona';

/** @returns what is wrong, a line each */
export function moneyAgainstRules(payment: string, paid: Paid): string[] {
  const held = paid.ledger.filter(isHeld);
  const own = held.filter(isOwn);
  return [
    ...(own.length > 1 ? [`${payment} was charged ${own.length} times`] : []),
    // Whoever collected the second: it goes back, or the graph names it for a person.
    ...(held.length > 1 + paid.refunds_failed.length ? [`${payment} is paid ${held.length} times`] : []),
    ...againstItsState(payment, paid, own),
    ...wrongRefunds(payment, paid),
    ...wrongSettlement(payment, paid),
    ...chargedAfterwards(payment, paid.ledger),
  ];
}

function againstItsState(payment: string, { state, ledger }: Paid, own: readonly LedgerEntry[]): string[] {
  const standing = ledger.filter((entry) => hasSucceeded(entry) && !isRefundedByPersona(entry));
  if (state === 'recovered')
    return standing.length > 0 ? [] : [`${payment} is recovered and was charged 0 times`];
  // Others' payment came back: ours is not a second one to it, and stays.
  const stays = ledger.some((entry) => !isOwn(entry) && hasSucceeded(entry) && cameBack(entry));
  return own.length === 0 || stays ? [] : [`${payment} is ${state} and was charged ${own.length} times`];
}

/**
 * A success is given back only where another one stays: another of the ledger, or one that a settlement spoke of before
 * this one was known.
 */
function wrongRefunds(payment: string, { ledger, log }: Paid): string[] {
  const outcomes = log.filter(({ type }) => type === 'RecoveryClosed').map(({ data }) => data.state);
  const first = outcomes.find((outcome) => outcome === 'recovered' || outcome === 'paid_elsewhere');
  return ledger.filter(isRefundedByPersona).flatMap((refunded) => {
    const another = ledger.some(
      (entry) => entry !== refunded && hasSucceeded(entry) && !isRefundedByPersona(entry),
    );
    return another || first === 'paid_elsewhere' ? [] : [`${payment}: its only success was refunded`];
  });
}

/** A payment that pays nothing of it settles nothing, unless its failure, which came later, has reopened it. */
function wrongSettlement(payment: string, { log, unrelated }: Paid): string[] {
  const reopened = log.findLastIndex(({ type }) => type === 'RecoveryReopened');
  return log
    .slice(reopened + 1)
    .filter(({ type, data }) => type === 'RecoveryClosed' && unrelated.includes(data.payment_ref))
    .map(({ data }) => `${payment} was settled by ${data.payment_ref}, which is for something else`);
}

/** Once its customer has paid by the link of the payment that was reported, nothing is charged beside that. */
function chargedAfterwards(payment: string, ledger: readonly LedgerEntry[]): string[] {
  const theirs = ledger.findIndex(
    (entry) => entry.idempotency_key?.startsWith('others:confirm:') && isHeld(entry),
  );
  const after =
    theirs < 0 ? [] : ledger.slice(theirs + 1).filter((entry) => isOwn(entry) && hasSucceeded(entry));
  return after.map(
    ({ idempotency_key: key }) => `${payment}: ${key} was charged after its customer had paid`,
  );
}
