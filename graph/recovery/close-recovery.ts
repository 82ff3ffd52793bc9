import type { PaymentNoticeTemplate } from '../../domain/ports.ts';
import type { Closing } from '../../domain/recovery/claims.ts';
import { FAILURE_NOTICES } from '../../domain/recovery/cascade.ts';
import type { Ending } from '../../domain/recovery/state.ts';
import { PAYMENT_REVERSED, PAYMENT_WITHDRAWN } from '../../domain/recovery/status.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import { runCommand } from '../kernel/command.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import type { Graph } from '../kernel/graph.ts';
import { getNoticeResult } from './notices.ts';
import { lockObligation, lockOwner } from './read-obligation.ts';
import {
  attemptStatus,
  closedObligation,
  failureClass,
  isClosed,
  isUnresolved,
  noticeId,
  type ObligationNode,
} from './records.ts';

/**
 * Closes an obligation. A closed one is left unchanged: the first outcome counts. While a charge is unresolved, only an
 * external payment closes the obligation: whatever the caller knows, the charge may have succeeded.
 * @param notice the notice to the customer about it: due until it is sent or given up
 * @throws PersonaError recovery_not_found
 */
export function closeRecovery(
  graph: Graph,
  header: CommandHeader,
  input: Ending & { payment_id: string },
  notice?: PaymentNoticeTemplate,
): Promise<Closing> {
  return runCommand(graph, header, 'closeRecovery', input, async (tx): Promise<Closing> => {
    const { obligation, attempts } = await lockObligation(tx, input.payment_id);
    if (isClosed(obligation)) return { result: 'closed', obligation: closedObligation(obligation, attempts) };
    const unresolved = attempts.find(isUnresolved);
    if (unresolved && input.outcome !== 'paid_elsewhere') {
      tx.discardReceipt();
      return { result: 'unresolved', attempt: attemptStatus(unresolved) };
    }
    const due = notice && (await noticeDue(tx, obligation, notice));
    const data = {
      payment_id: input.payment_id,
      state: input.outcome,
      rule: input.rule,
      class: failureClass(attempts),
      payment_method_id: null,
      closed_at: tx.recordedAt,
      payment_ref: input.payment_ref ?? null,
      ...(due ? { notice: due } : {}),
    };
    tx.append({ stream: 'customer', stream_id: obligation.customer_id, type: 'RecoveryClosed', data });
    const closed = { ...obligation, state: input.outcome, rule: input.rule };
    return { result: 'closed', obligation: closedObligation(closed, attempts) };
  });
}

/** A notice of failure that was already delivered or given up, under the same id, is not due again. */
async function noticeDue(
  tx: CommandTx,
  obligation: ObligationNode,
  template: PaymentNoticeTemplate,
): Promise<string | undefined> {
  const id = noticeId(obligation, template);
  if (!FAILURE_NOTICES.includes(template)) return id;
  return (await getNoticeResult(tx, id)) ? undefined : id;
}

/**
 * Puts an obligation under review by an operator. A closed one stays closed: what remains is an unresolved charge. If
 * it is under review already, nothing is written.
 * @throws PersonaError recovery_not_found
 */
export function flagForReview(
  graph: Graph,
  header: CommandHeader,
  input: { payment_id: string; rule: string },
): Promise<void> {
  return runCommand(graph, header, 'flagForReview', input, async (tx) => {
    const { obligation } = await lockObligation(tx, input.payment_id);
    if (obligation.state === 'needs_review') return;
    tx.append({
      stream: 'customer',
      stream_id: obligation.customer_id,
      type: 'RecoveryNeedsReview',
      data: input,
    });
  });
}

/**
 * Ends the review of an obligation: an operator lets it continue. One that is not under review is left unchanged.
 * @throws PersonaError recovery_not_found
 */
export function endReview(graph: Graph, header: CommandHeader, input: { payment_id: string }): Promise<void> {
  return runCommand(graph, header, 'endReview', input, async (tx) => {
    const { obligation } = await lockObligation(tx, input.payment_id);
    if (obligation.state !== 'needs_review') return;
    const { rule } = obligation;
    if (rule === PAYMENT_REVERSED || rule === PAYMENT_WITHDRAWN) allowCollectingAgain(tx, obligation);
    liftReview(tx, obligation);
  });
}

/** An operator has reviewed the reversed or withdrawn payment: it no longer prevents another one. */
export function allowCollectingAgain(tx: CommandTx, { customer_id, payment_id }: ObligationNode): void {
  const data = { label: 'Obligation', id: payment_id, property: 'collect_again', value: true } as const;
  tx.append({ stream: 'customer', stream_id: customer_id, type: 'NodePropertyChanged', data });
}

/** Sets an obligation back to open: the unresolved charge or the fault that an operator had to review is over. */
export function liftReview(tx: CommandTx, { customer_id, payment_id }: ObligationNode): void {
  const data = { label: 'Obligation', id: payment_id, property: 'state', value: 'open' } as const;
  tx.append({ stream: 'customer', stream_id: customer_id, type: 'NodePropertyChanged', data });
}

const OTHER_OBLIGATION = `
  CALL () {
    MATCH (o:Obligation {gateway_ref: $gateway_ref}) RETURN o
    UNION
    MATCH (:Customer {id: $customer_id})-[:OWES]->(o:Obligation {settled_ref: $gateway_ref}) RETURN o
  }
  WITH o WHERE o.payment_id <> $payment_id
  RETURN o.payment_id AS payment_id LIMIT 1`;

/**
 * Whether the payment at the gateway is another obligation's own, or an external payment for one. One charge must
 * neither pay two obligations nor be refunded for another.
 */
export async function belongsToOtherObligation(
  tx: CommandTx,
  payment: { customer_id: string; payment_id: string; gateway_ref: string },
): Promise<boolean> {
  return (await tx.run(OTHER_OBLIGATION, payment)).length > 0;
}

/**
 * Makes the payment that a report named the obligation's one payment at the gateway, unless it already belongs to
 * another obligation: one charge must not pay two.
 *
 * @returns whether it belongs to this obligation now
 * @throws PersonaError recovery_not_found
 */
export function adoptGatewayPayment(
  graph: Graph,
  header: CommandHeader,
  input: { payment_id: string; gateway_ref: string },
): Promise<boolean> {
  return runCommand(graph, header, 'adoptGatewayPayment', input, async (tx) => {
    const { id: customer_id } = await lockOwner(tx, input.payment_id);
    if (await belongsToOtherObligation(tx, { ...input, customer_id })) {
      tx.discardReceipt();
      return false;
    }
    tx.append({
      stream: 'customer',
      stream_id: customer_id,
      type: 'NodePropertyChanged',
      data: { label: 'Obligation', id: input.payment_id, property: 'gateway_ref', value: input.gateway_ref },
    });
    return true;
  });
}
