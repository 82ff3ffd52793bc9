import type { PaymentNoticeTemplate } from '../../domain/ports.ts';
import type { Closing } from '../../domain/recovery/claims.ts';
import { FAILURE_NOTICES } from '../../domain/recovery/cascade.ts';
import type { Ending } from '../../domain/recovery/state.ts';
import { PAYMENT_CAME_BACK, PAYMENT_WITHDRAWN } from '../../domain/recovery/status.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { CommandTx } from '../command-tx.ts';
import type { Graph } from '../graph.ts';
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
 * Closes an obligation. One that is closed already stays as it is: what was decided first stands. While a charge is in
 * doubt only somebody else's payment closes it: whatever the caller knows, the payment may have been made.
 * @param notice what the customer is to hear of it: due until it is sent or given up
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
      return { result: 'in_doubt', attempt: attemptStatus(unresolved) };
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

/** What the customer has heard of the failure already, under the same id, nobody sends again. */
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
 * Hands an obligation to a person. One that is closed stays so: what remains is a charge in doubt. Of one that is under
 * review already nothing is written.
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
 * Takes an obligation back from review: a person lets it go on. One that is not under review stays as it is.
 * @throws PersonaError recovery_not_found
 */
export function endReview(graph: Graph, header: CommandHeader, input: { payment_id: string }): Promise<void> {
  return runCommand(graph, header, 'endReview', input, async (tx) => {
    const { obligation } = await lockObligation(tx, input.payment_id);
    if (obligation.state !== 'needs_review') return;
    const { rule } = obligation;
    if (rule === PAYMENT_CAME_BACK || rule === PAYMENT_WITHDRAWN) allowCollectingAgain(tx, obligation);
    liftReview(tx, obligation);
  });
}

/** A person has looked at the payment that came back, or was withdrawn: it does not stand in the way of another one any more. */
export function allowCollectingAgain(tx: CommandTx, { customer_id, payment_id }: ObligationNode): void {
  const data = { label: 'Obligation', id: payment_id, property: 'collect_again', value: true } as const;
  tx.append({ stream: 'customer', stream_id: customer_id, type: 'NodePropertyChanged', data });
}

/** The doubt or the fault that a person was asked about is over. */
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

/** Is the payment at the gateway another obligation's own, or what others were paid for it by? One charge must not pay two, nor be given back for another. */
export async function belongsToOtherObligation(
  tx: CommandTx,
  payment: { customer_id: string; payment_id: string; gateway_ref: string },
): Promise<boolean> {
  return (await tx.run(OTHER_OBLIGATION, payment)).length > 0;
}

/**
 * Makes the payment that a report named the obligation's one payment at the gateway, unless it is another obligation's
 * already: one charge must not pay two.
 *
 * @returns whether it is this obligation's now
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
