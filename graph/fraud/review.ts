/** Fraud cases under review: decisions about them, and reminders. */

import type { FraudEvents } from '../../domain/fraud/events.ts';
import type { ReviewDecision } from '../../domain/fraud/messages.ts';
import { type CommandHeader, runCommand } from '../command.ts';
import type { Graph } from '../graph.ts';
import { applyCaseChange, type FraudResult, lockCase, unchanged } from './apply-fraud-outcome.ts';
import { requireFraudCase } from './queries.ts';

const OUTCOMES: Readonly<Record<ReviewDecision['decision'], FraudEvents['FraudOutcomeApplied']['outcome']>> =
  {
    suspend: 'suspended_in_review',
    clear: 'cleared_in_review',
  };

/**
 * Applies a review decision: `suspend` suspends the customer, `clear` undoes the changes by the case. A case that is no
 * longer under review does not change: a later outcome has ended the review.
 * @throws PersonaError fraud_case_not_found, customer_not_found (erased)
 */
export async function decideFraudReview(
  graph: Graph,
  header: CommandHeader,
  { case_id, decision, reason }: Pick<ReviewDecision, 'decision' | 'reason'> & { case_id: string },
): Promise<FraudResult> {
  const { customer_id } = await requireFraudCase(graph, case_id);
  return runCommand(graph, header, 'decideFraudReview', { case_id, decision, reason }, async (tx) => {
    const lockedCase = await lockCase(tx, { case_id, customer_id });
    if (lockedCase.known?.state !== 'needs_review') return unchanged(lockedCase);
    return applyCaseChange(tx, { ...lockedCase, case_id }, { outcome: OUTCOMES[decision], reason });
  });
}

/**
 * Records that the operators were reminded of a case under review.
 * @throws PersonaError fraud_case_not_found, customer_not_found (erased)
 */
export async function remindOfFraudReview(
  graph: Graph,
  header: CommandHeader,
  { case_id }: { case_id: string },
): Promise<void> {
  const { customer_id } = await requireFraudCase(graph, case_id);
  await runCommand(graph, header, 'remindOfFraudReview', { case_id }, async (tx) => {
    const { known } = await lockCase(tx, { case_id, customer_id });
    if (known?.state !== 'needs_review') return;
    tx.append({
      stream: 'customer',
      stream_id: customer_id,
      type: 'FraudReviewReminded',
      data: { case_id },
    });
  });
}
