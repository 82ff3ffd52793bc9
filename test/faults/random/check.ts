/** What must be true afterwards, from the graph, its log and the gateway's ledger alone. */

import { chargesAgainstRules, claimsAgainstRules } from './claims.ts';
import { cameBack, type Findings, hasSucceeded, isOwn, type LedgerEntry } from './found.ts';
import { moneyAgainstRules } from './money.ts';

const STATES = ['open', 'needs_review', 'recovered', 'stopped', 'exhausted', 'paid_elsewhere', 'cancelled'];
/** Where a recovery may stand when nothing is under way. */
const PHASES = ['pending', 'unknown', 'needs_review', 'waiting', 'done'];
/** What an attempt may be, for what the ledger has under its key. `undefined`: nothing at all. */
const AGREES: Record<string, readonly string[]> = {
  succeeded: ['approved'],
  refunded: ['approved'],
  processing: ['pending'],
  failed: ['declined'],
  canceled: ['declined', 'void'],
  undefined: ['declined', 'void', 'unknown'],
};

/** @returns what is wrong, a line each; empty when all is as it must be */
export function check(findings: Findings): string[] {
  const { payments, differences } = findings;
  return [
    ...payments.flatMap((payment) => problemsOf(payment, findings)),
    ...chargesAgainstRules(findings),
    ...claimsAgainstRules(findings),
    ...unheardDisputes(findings),
    ...differences.map((difference) => `graph and log disagree: ${JSON.stringify(difference)}`),
  ];
}

function problemsOf(payment: string, findings: Findings): string[] {
  const obligation = findings.obligations.find((one) => one.payment_id === payment);
  const state = obligation?.state ?? 'unknown to the graph';
  const phase = findings.phases[payment] ?? 'unknown to GetRecovery';
  const ledger = findings.ledger.filter((entry) => entry.payment_id === payment);
  const log = findings.events.filter(({ data }) => data.payment_id === payment);
  return [
    ...(STATES.includes(state) ? [] : [`${payment} is ${state}`]),
    ...(PHASES.includes(phase) ? [] : [`${payment}: its recovery is ${phase}`]),
    ...moneyAgainstRules(payment, {
      ...{ state, ledger, log, unrelated: findings.unrelated },
      refunds_failed: obligation?.refunds_failed ?? [],
    }),
    ...findings.attempts
      .filter((attempt) => attempt.source === 'recovery' && attempt.payment_id === payment)
      .flatMap((attempt) => disagreement(attempt, ledger)),
  ];
}

/** A card of a wallet whose charge was contested must not be charged next month as if nothing had happened. */
function unheardDisputes({ ledger, attempts, events }: Findings): string[] {
  const of = (wanted: string, method: string | undefined) =>
    events.some(({ type, data }) => type === wanted && data.payment_method_id === method);
  return ledger
    .filter((entry) => isOwn(entry) && entry.contested)
    .flatMap(({ idempotency_key: key }) => {
      const method = attempts.find((attempt) => attempt.key === key)?.payment_method_id;
      const isKnown = of('PaymentMethodDisputed', method) || of('PaymentMethodRemoved', method);
      return isKnown ? [] : [`${key} was contested, and its card does not say so`];
    });
}

function disagreement(
  { key, state }: Findings['attempts'][number],
  ledger: readonly LedgerEntry[],
): string[] {
  const found = ledger.filter((entry) => entry.idempotency_key === key);
  if (found.length > 1) return [`${key} is in the ledger ${found.length} times`];
  const status = String(found[0]?.status);
  if (AGREES[status]?.includes(state)) return [];
  // Its money came back before anybody knew that it had succeeded: a person decides.
  if (found[0] && state === 'unknown' && cameBack(found[0])) return [];
  // What others were paid meanwhile is the answer to a charge that the gateway did not make.
  if (!found[0] && state === 'approved' && ledger.some((entry) => !isOwn(entry) && hasSucceeded(entry)))
    return [];
  return [`${key} is ${state} in the graph and ${status} in the ledger`];
}
