/** The recovery's commands for tests, each under its own key unless the test names one. */

import { randomUUID } from 'node:crypto';
import type { ChargeAnswer } from '../../domain/ports.ts';
import { attemptKey } from '../../domain/workflow-contracts.ts';
import type { Claim, Opening, RecoverySnapshot } from '../../domain/recovery/claims.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import type { SettlementEvidence } from '../../domain/recovery/settlement.ts';
import type { Policy } from '../../domain/policy.ts';
import type { Ending } from '../../domain/recovery/state.ts';
import { readPolicy } from '../../platform/policy.ts';
import { testGraph, testHeader } from '../../test/test-graph.ts';
import type { TestWallet } from '../../test/wallet-fixtures.ts';
import { type Graph, getPaymentMethods } from '../index.ts';
import { claimAttempt, closeRecovery, openRecovery, recordAttempt } from './index.ts';

export const approved = {
  result: 'approved',
  gateway_ref: 'pi_1',
  charge_ref: 'ch_1',
} satisfies ChargeAnswer;
export const declined = (decline_code: string): ChargeAnswer => ({
  result: 'declined',
  gateway_ref: 'pi_1',
  codes: { decline_code },
});

/** It never reached the gateway. */
export const notSent: ChargeAnswer = { result: 'not_sent', reason: 'connection refused' };

export const sortedResults = (claims: Claim[]) => claims.map((one) => one.result).sort();

/** On a separate graph for the calling file, with the usual policy. */
export async function recoveryCommands() {
  const graph = await testGraph();
  const policy = readPolicy();
  return { graph, policy, ...commandsOn(graph, policy) };
}

export function commandsOn(graph: Graph, policy: Policy) {
  const open = async (
    failure: PaymentFailed,
    options: { claim_first?: boolean; key?: string; now?: number } = {},
  ): Promise<Opening> => (await openWithEnded(failure, options)).opening;

  const openWithEnded = (
    failure: PaymentFailed,
    options: { claim_first?: boolean; key?: string; now?: number; evidence?: SettlementEvidence } = {},
  ) =>
    openRecovery(
      graph,
      testHeader({ idempotencyKey: options.key ?? randomUUID(), occurredAt: failure.occurred_at }),
      {
        failure,
        policy,
        now: options.now ?? Date.now(),
        claim_first: options.claim_first ?? false,
        ...(options.evidence && { evidence: options.evidence }),
      },
    );

  async function opened(failure: PaymentFailed): Promise<RecoverySnapshot> {
    const opening = await open(failure);
    if (!('recovery' in opening)) throw new Error(`not opened: ${JSON.stringify(opening)}`);
    return opening.recovery;
  }

  const claim = (payment_id: string, payment_method_id: string, n = 1, now = Date.now()) =>
    claimAttempt(graph, testHeader(), {
      payment_id,
      payment_method_id,
      key: attemptKey(payment_id, payment_method_id, n),
      n,
      policy,
      now,
    });

  const record = (
    payment_id: string,
    payment_method_id: string,
    answer: ChargeAnswer,
    n = 1,
    header = testHeader(),
  ) =>
    recordAttempt(graph, header, {
      payment_id,
      key: attemptKey(payment_id, payment_method_id, n),
      answer,
      policy,
      now: Date.now(),
    });

  const close = (payment_id: string, ending: Ending) =>
    closeRecovery(graph, testHeader(), { payment_id, ...ending });

  const wallet = async ({ customer_id }: TestWallet) =>
    Object.fromEntries(
      (await getPaymentMethods(graph, { customer_id })).map((method) => [method.payment_method_id, method]),
    );
  const log = async ({ customer_id }: Pick<TestWallet, 'customer_id'>) =>
    graph.read<{ seq: number; type: string; data: string }>(
      'MATCH (e:PersonaEvent {stream_id: $id}) RETURN e.seq AS seq, e.type AS type, e.data AS data ORDER BY e.seq',
      { id: customer_id },
    );
  return { open, openWithEnded, opened, claim, record, close, wallet, log };
}
