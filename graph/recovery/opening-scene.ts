/** What a reported failure meets in the graph, and what it is good for there. */

import { holdsForEver } from '../../domain/decline/effects.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { Policy } from '../../domain/policy.ts';
import { reportedAttemptKey } from '../../domain/processes.ts';
import type { Opening } from '../../domain/recovery/claims.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import type { SettlementEvidence } from '../../domain/recovery/settlement.ts';
import type { CommandTx, CustomerNode } from '../command-tx.ts';
import { openWallet, type Wallet, type WalletMethod } from '../wallet/wallet.ts';
import { classifyFailure, type FailureDecision, unlessConsentReturned } from './apply-decline.ts';
import { findPayment, type ObligationWithAttempts } from './read.ts';
import { type AttemptNode, newestReport } from './records.ts';
import { refusalOf } from './refusal.ts';
import { isFailed } from './snapshot.ts';

export interface OpenRecoveryInput {
  failure: PaymentFailed;
  policy: Policy;
  /** Epoch milliseconds. */
  now: number;
  /** Claim the first alternative in the same transaction, if one is due at once. */
  claim_first: boolean;
  /** What the gateway says, now that it is known what is owed, of the payment that closed the obligation in advance. */
  evidence?: SettlementEvidence;
}

export type Refusal = Extract<Opening, { result: 'refused' }>;

/** What is known before anything is decided, read under the customer's lock. */
export interface Scene {
  tx: CommandTx;
  input: OpenRecoveryInput;
  customer: CustomerNode;
  wallet: Wallet;
  /** The method that failed; it may have been removed from the wallet since. */
  method: Readonly<WalletMethod>;
  known?: ObligationWithAttempts;
  /** Of this payment, own and reported ones, oldest first; a report may stand there before the obligation does. */
  attempts: readonly AttemptNode[];
  decision: FailureDecision;
}

export async function look(tx: CommandTx, input: OpenRecoveryInput): Promise<Scene | Refusal> {
  const { failure } = input;
  let customer: CustomerNode;
  try {
    customer = await tx.lockCustomer(failure.customer_id);
  } catch (error) {
    if (!(error instanceof PersonaError) || error.type !== 'customer_not_found') throw error;
    return refused(tx, 'customer_not_found', 'customer_id', 'must be a known customer');
  }
  const [wallet, { known, attempts }] = await Promise.all([
    openWallet(tx, customer.id),
    findPayment(tx, failure.payment_id),
  ]);
  const refusal = refusalOf(failure, wallet.methods, known?.obligation, input.now);
  if (refusal) return refused(tx, refusal.type, refusal.problem.field, refusal.problem.message);
  const method = wallet.methods.find((one) => one.payment_method_id === failure.payment_method_id);
  if (!method) throw new Error(`method ${failure.payment_method_id} was there a moment ago`);
  const decision = unlessConsentReturned(classifyFailure(failure, method), method, failure.occurred_at);
  return { tx, input, customer, wallet, method, ...(known ? { known } : {}), attempts, decision };
}

/**
 * What a report is good for. `lesson`: it is older than what was applied, or too old to act on, but what it says of the card
 * or of the consent holds all the same (specification: workflows 2).
 */
export type Use = 'none' | 'lesson' | 'all';

export function useOf({ input, known, attempts, decision }: Scene): Use {
  const { failure } = input;
  if (attempts.some((attempt) => attempt.key === reportedAttemptKey(failure.event_id))) return 'none';
  const isCurrent = !isStale(input) && (known === undefined || isNewer(known, failure));
  if (isCurrent) return 'all';
  return holdsForEver(decision) ? 'lesson' : 'none';
}

/** The payment that a settlement names which came before any failure. */
export function paidInAdvance({ known }: Scene): string | undefined {
  return known && !isFailed(known.obligation) ? known.obligation.settled_ref : undefined;
}

/** Does the gateway say that the payment by which it was closed in advance cannot have settled what is owed? */
export function isContradicted(scene: Scene): boolean {
  const { evidence } = scene.input;
  return paidInAdvance(scene) !== undefined && (evidence === 'of_another' || evidence === 'not_paid');
}

/**
 * Newer than what is applied. So is the first failure of a payment that a settlement has closed in advance, although it
 * lies before the settlement, as it nearly always does.
 */
function isNewer({ obligation, attempts }: ObligationWithAttempts, failure: PaymentFailed): boolean {
  const applied = obligation.last_failure_at ?? newestReport(attempts)?.claimed_at;
  return applied === undefined || Date.parse(failure.occurred_at) > Date.parse(applied);
}

function isStale({ failure, policy, now }: OpenRecoveryInput): boolean {
  return now - Date.parse(failure.occurred_at) > policy.recovery.maxEventAge;
}

function refused(tx: CommandTx, type: Refusal['type'], field: string, message: string): Refusal {
  tx.forget();
  return { result: 'refused', type, problems: [{ field, message }] };
}
