/** What a reported failure meets in the graph, and what it is good for there. */

import { isPermanent } from '../../domain/decline/effects.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { Policy } from '../../domain/policy.ts';
import { reportedAttemptKey } from '../../domain/workflow-contracts.ts';
import type { Opening } from '../../domain/recovery/claims.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import type { SettlementEvidence } from '../../domain/recovery/settlement.ts';
import type { CommandTx, CustomerNode } from '../command-tx.ts';
import { openWallet, type Wallet, type WalletMethod } from '../wallet/wallet.ts';
import { classifyFailure, type FailureDecision, withRenewedConsent } from './apply-decline.ts';
import { findPayment, type ObligationWithAttempts } from './read-obligation.ts';
import { type AttemptNode, newestReport } from './records.ts';
import { refusalOf } from './refusal.ts';
import { hasFailure } from './snapshot.ts';

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
export interface OpeningContext {
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

export async function loadOpeningContext(
  tx: CommandTx,
  input: OpenRecoveryInput,
): Promise<OpeningContext | Refusal> {
  const { failure } = input;
  let customer: CustomerNode;
  try {
    customer = await tx.lockCustomer(failure.customer_id);
  } catch (error) {
    if (!(error instanceof PersonaError) || error.type !== 'customer_not_found') throw error;
    return refuse(tx, 'customer_not_found', 'customer_id', 'must be a known customer');
  }
  const [wallet, { known, attempts }] = await Promise.all([
    openWallet(tx, customer.id),
    findPayment(tx, failure.payment_id),
  ]);
  const refusal = refusalOf(failure, wallet.methods, known?.obligation, input.now);
  if (refusal) return refuse(tx, refusal.type, refusal.problem.field, refusal.problem.message);
  const method = wallet.methods.find((one) => one.payment_method_id === failure.payment_method_id);
  if (!method) throw new Error(`method ${failure.payment_method_id} was there a moment ago`);
  const decision = withRenewedConsent(classifyFailure(failure, method), method, failure.occurred_at);
  return { tx, input, customer, wallet, method, ...(known ? { known } : {}), attempts, decision };
}

/**
 * What a report is good for. `lesson`: it is older than what was applied, or too old to act on, but what it says of the card
 * or of the consent holds all the same (specification: workflows 2).
 */
export type ReportRelevance = 'none' | 'lesson' | 'all';

export function relevanceOf({ input, known, attempts, decision }: OpeningContext): ReportRelevance {
  const { failure } = input;
  if (attempts.some((attempt) => attempt.key === reportedAttemptKey(failure.event_id))) return 'none';
  const isCurrent = !isStale(input) && (known === undefined || isNewer(known, failure));
  if (isCurrent) return 'all';
  return isPermanent(decision) ? 'lesson' : 'none';
}

/** The payment that a settlement names which came before any failure. */
export function advancePaymentRef({ known }: OpeningContext): string | undefined {
  return known && !hasFailure(known.obligation) ? known.obligation.settled_ref : undefined;
}

/** Does the gateway say that the payment by which it was closed in advance cannot have settled what is owed? */
export function isContradicted(context: OpeningContext): boolean {
  const { evidence } = context.input;
  return advancePaymentRef(context) !== undefined && (evidence === 'of_another' || evidence === 'not_paid');
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

function refuse(tx: CommandTx, type: Refusal['type'], field: string, message: string): Refusal {
  tx.discardReceipt();
  return { result: 'refused', type, problems: [{ field, message }] };
}
