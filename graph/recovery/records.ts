/** Obligations and attempts as the graph stores them, and as the recovery uses them. */

import type { DeclineClass } from '../../domain/decline/classify.ts';
import type { PaymentNoticeTemplate } from '../../domain/ports.ts';
import { recoveryNotificationId, reportedAttemptKey } from '../../domain/workflow-contracts.ts';
import type { ClosedObligation, ReportedFailure } from '../../domain/recovery/claims.ts';
import { isStop } from '../../domain/recovery/cascade.ts';
import {
  type AttemptState,
  type AttemptStatus,
  findChargedAttempt,
  type ObligationState,
} from '../../domain/recovery/status.ts';

/** Absent properties are omitted: a node does not hold null. Times are RFC 3339. */
export interface ObligationNode {
  payment_id: string;
  customer_id: string;
  failed_payment_method_id?: string;
  /** The obligation's one payment at the gateway. */
  gateway_ref?: string;
  /** The payment that the report names, if any. */
  reported_ref?: string;
  /** Minor units; absent while only a settlement is known. */
  amount?: number;
  currency?: string;
  kind?: 'recurring' | 'one_time';
  description?: string;
  state: ObligationState;
  rule: string;
  last_failure_at?: string;
  opened_at: string;
  closes_at?: string;
  closed_at?: string;
  /** The external payment at the gateway that settled it, if it was named. */
  settled_ref?: string;
  /** Second successes to be refunded: keys as in `RecoveryOverpaid`. */
  refunds_due?: string[];
  /** When the next refund try is due; absent: now. */
  refund_at?: string;
  /** Second successes whose refund failed for a week: an operator has to resolve them. */
  refunds_failed?: string[];
  /** Ids of the notices due to the customer about its end and about refunds. */
  notices_due?: string[];
  /** Since when its clock is stopped, as last stored by its run. */
  clock_stopped_at?: string;
  /** Paused by an operator. */
  paused?: boolean;
  /** Consent for its failed method was withdrawn by a decline of another payment. */
  consent_revoked?: boolean;
  /** The bank has reported fraud on a method that it was to be paid with: nothing is charged for it any more. */
  fraud_known?: boolean;
  /** An operator allows collecting it although a payment for it was reversed or withdrawn. */
  collect_again?: boolean;
  /** Whether the failed method was the default until this failure. */
  failed_was_default?: boolean;
  changed_seq: number;
}

export interface AttemptNode {
  key: string;
  /** Persona's own attempts only. */
  n?: number;
  source: 'recovery' | 'reported';
  payment_id: string;
  customer_id: string;
  payment_method_id: string;
  instrument_fingerprint?: string;
  network?: string;
  amount: number;
  currency: string;
  state: AttemptState;
  class?: DeclineClass;
  rule?: string;
  code?: string;
  /** The decline says that the card itself is dead: none of its tokens is charged any more. */
  card_dead?: boolean;
  gateway_ref?: string;
  overpaid: boolean;
  claimed_at: string;
  claim_deadline?: string;
  resolved_at?: string;
}

/** States in which it is not known yet whether the charge succeeded. */
export const UNRESOLVED: readonly AttemptState[] = ['in_flight', 'unknown', 'pending'];

/** One of Persona's own attempts, which blocks until its outcome is known. */
export function isUnresolved({ source, state }: AttemptNode): boolean {
  return source === 'recovery' && UNRESOLVED.includes(state);
}

export function attemptStatus(node: AttemptNode): AttemptStatus {
  return {
    n: node.n ?? 0,
    payment_method_id: node.payment_method_id,
    key: node.key,
    ...(node.gateway_ref ? { gateway_ref: node.gateway_ref } : {}),
    state: node.state,
    ...(node.class ? { class: node.class } : {}),
    ...(node.rule ? { rule: node.rule } : {}),
    ...(node.code ? { code: node.code } : {}),
    started_at: node.claimed_at,
    ...(node.resolved_at ? { resolved_at: node.resolved_at } : {}),
  };
}

/** Persona's own attempts, oldest first, as they are seen outside the graph. */
export function ownAttempts(nodes: readonly AttemptNode[]): AttemptStatus[] {
  return nodes.filter((node) => node.source === 'recovery').map(attemptStatus);
}

/** The newest failure that another system reported. */
export function newestReport(attempts: readonly AttemptNode[]): AttemptNode | undefined {
  const reported = attempts.filter(({ source }) => source === 'reported');
  return reported.toSorted((a, b) => Date.parse(a.claimed_at) - Date.parse(b.claimed_at)).at(-1);
}

/** The decline, reported or of Persona's own charge, that ends this recovery, regardless of the order of recording. */
export function stoppingDecline(attempts: readonly AttemptNode[]): AttemptNode | undefined {
  return attempts.findLast(
    ({ state, class: declineClass }) => state === 'declined' && declineClass && isStop(declineClass),
  );
}

/** An attempt as the failure that a recovery starts with; Chimera was notified when it was recorded. */
export function failureFromAttempt(attempt: AttemptNode): ReportedFailure {
  return {
    event_id: attempt.source === 'reported' ? attempt.key.slice(reportedAttemptKey('').length) : attempt.key,
    payment_method_id: attempt.payment_method_id,
    status: attempt.state === 'unknown' || attempt.state === 'pending' ? attempt.state : 'declined',
    class: attempt.class ?? 'LATER',
    rule: attempt.rule ?? 'unmapped',
    ...(attempt.code ? { code: attempt.code } : {}),
    notify_chimera: false,
    occurred_at: attempt.claimed_at,
  };
}

export function failureClass(attempts: readonly AttemptNode[]): DeclineClass | null {
  return newestReport(attempts)?.class ?? null;
}

/** @throws Error if the obligation is not closed */
export function closedObligation(
  obligation: ObligationNode,
  attempts: readonly AttemptNode[],
): ClosedObligation {
  const { state } = obligation;
  if (state === 'open' || state === 'needs_review')
    throw new Error(`obligation ${obligation.payment_id} is ${state}`);
  const paying = findChargedAttempt(attempts.filter(({ source }) => source === 'recovery'));
  return {
    payment_id: obligation.payment_id,
    customer_id: obligation.customer_id,
    outcome: state,
    rule: obligation.rule,
    ...(paying ? { payment_method_id: paying.payment_method_id } : {}),
    attempts: ownAttempts(attempts),
  };
}

/** Id of a notice about an obligation's latest opening. @param stage as in `recoveryNotificationId` */
export function noticeId(
  { payment_id, opened_at }: Pick<ObligationNode, 'payment_id' | 'opened_at'>,
  template: PaymentNoticeTemplate,
  stage?: string,
): string {
  return recoveryNotificationId(payment_id, Date.parse(opened_at), template, stage);
}

export function isClosed(obligation: ObligationNode): boolean {
  return obligation.state !== 'open' && obligation.state !== 'needs_review';
}
