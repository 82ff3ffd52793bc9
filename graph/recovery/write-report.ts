/** A reported failure as the graph stores it, and as a recovery decides by it. */

import { reportedAttemptKey } from '../../domain/workflow-contracts.ts';
import type { ReportedFailure } from '../../domain/recovery/claims.ts';
import { applyDecline, declineDetails } from './apply-decline.ts';
import type { OpeningContext, ReportRelevance } from './opening-context.ts';

type ReportContext = Pick<OpeningContext, 'tx' | 'customer' | 'wallet' | 'decision' | 'method'> & {
  input: Pick<OpeningContext['input'], 'failure'>;
};

/** Records the failure as a reported attempt, and applies the consequences of its class to the method. */
export function writeReport(
  { tx, input, customer, wallet, decision, method }: ReportContext,
  relevance: ReportRelevance,
): void {
  const { failure } = input;
  const state = failure.status ?? 'declined';
  tx.append({
    stream: 'customer',
    stream_id: customer.id,
    type: 'RecoveryAttempted',
    data: {
      key: reportedAttemptKey(failure.event_id),
      n: null,
      source: 'reported',
      payment_id: failure.payment_id,
      payment_method_id: method.payment_method_id,
      network: decision.network ?? null,
      amount: failure.amount,
      currency: failure.currency,
      state,
      class: decision.class,
      rule: decision.rule,
      code: decision.code ?? null,
      gateway_ref: null,
      payment_ref: null,
      attempted_at: failure.occurred_at,
      resolved_at: state === 'declined' ? failure.occurred_at : null,
      ...declineDetails(decision),
    },
  });
  // An unknown outcome says nothing about the method yet.
  if (state !== 'declined') return;
  // Details that were wrong at the time may have been corrected since.
  if (relevance === 'lesson' && decision.class === 'FIX') return;
  applyDecline(wallet, method.payment_method_id, decision, failure.occurred_at);
}

export function failureFromReport({ input, decision, method }: OpeningContext): ReportedFailure {
  const { failure } = input;
  return {
    event_id: failure.event_id,
    payment_method_id: method.payment_method_id,
    status: failure.status ?? 'declined',
    class: decision.class,
    rule: decision.rule,
    ...(decision.code ? { code: decision.code } : {}),
    notify_chimera: decision.notifyChimera,
    ...(decision.notBefore === undefined ? {} : { not_before: decision.notBefore }),
    occurred_at: failure.occurred_at,
  };
}
