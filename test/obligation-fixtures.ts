/** A failed payment and its recovery, by Persona's own commands. */

import type { Policy } from '../domain/policy.ts';
import type { ChargeAnswer } from '../domain/ports.ts';
import { attemptKey } from '../domain/workflow-contracts.ts';
import type { PaymentFailed } from '../domain/recovery/messages.ts';
import type { SettlementEvidence } from '../domain/recovery/settlement.ts';
import type { Graph } from '../graph/index.ts';
import { claimAttempt, openRecovery, openFromSettlement, recordAttempt } from '../graph/recovery/index.ts';
import { paymentSettled } from './scenarios/reports.ts';
import { testHeader } from './test-graph.ts';
import { customerWithCards, failureOf } from './wallet-fixtures.ts';

/** An obligation of a customer with two cards, the second of which has been claimed; `key` is the attempt's key. */
export async function claimedObligation(
  graph: Graph,
  policy: Policy,
  { email, ...changes }: { email?: string } & Partial<PaymentFailed> = {},
) {
  const wallet = await customerWithCards(graph, policy, { cards: 2, ...(email && { email }) });
  const failure = failureOf(wallet, changes);
  const { payment_id, customer_id } = failure;
  const header = testHeader({ occurredAt: failure.occurred_at });
  await openRecovery(graph, header, { failure, policy, now: Date.now(), claim_first: false });
  const payment_method_id = wallet.methods[1] as string;
  const key = attemptKey(payment_id, payment_method_id, 1);
  const now = Date.now();
  await claimAttempt(graph, testHeader(), { payment_id, payment_method_id, key, n: 1, policy, now });
  return {
    ...wallet,
    payment_id,
    payment_method_id,
    key,
    /** Records the outcome of the claimed attempt, on the payment `pi_{payment_id}` unless the answer names another. */
    record: (outcome: ChargeAnswer) => {
      const answer = { gateway_ref: `pi_${payment_id}`, ...outcome };
      return recordAttempt(graph, testHeader(), { payment_id, key, answer, policy, now: Date.now() });
    },
    /** @param settled epoch milliseconds */
    settle: (settled: number, gateway_payment_ref?: string, evidence: SettlementEvidence = 'paid') =>
      openFromSettlement(graph, testHeader(), {
        settlement: paymentSettled({
          payment_id,
          customer_id,
          settled_at: new Date(settled).toISOString(),
          ...(gateway_payment_ref ? { gateway_payment_ref } : {}),
        }),
        policy,
        now: Date.now(),
        evidence,
      }),
  };
}
