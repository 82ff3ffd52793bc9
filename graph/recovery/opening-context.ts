/** The state of the graph in which a reported failure is decided, and how relevant the report is to it. */

import { isPermanent } from '../../domain/decline/consequences.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { Policy } from '../../domain/policy.ts';
import { reportedAttemptKey } from '../../domain/workflow-contracts.ts';
import type { Opening } from '../../domain/recovery/claims.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import type { SettlementEvidence } from '../../domain/recovery/settlement.ts';
import type { CommandTx, CustomerNode } from '../kernel/command-tx.ts';
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
  /** Claim the first alternative in the same transaction, if one is due immediately. */
  claim_first: boolean;
  /** The gateway's evidence, once the amount is known, on the payment that closed the obligation in advance. */
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
  /** Of this payment, own and reported ones, oldest first; a report may be stored before the obligation is. */
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
  // What a customer owed already is settled; nothing new is collected from one who is being erased.
  if (customer.status === 'erasing' && known === undefined)
    return refuse(tx, 'customer_not_found', 'customer_id', 'must be a known customer');
  const named = wallet.methods.find((one) => one.payment_method_id === failure.payment_method_id);
  const facts = { isMethodProven: named?.proven === true, obligation: known?.obligation };
  const refusal = refusalOf(failure, facts, input.now);
  if (refusal) return refuse(tx, refusal.type, refusal.problem.field, refusal.problem.message);
  const method = wallet.methods.find((one) => one.payment_method_id === failure.payment_method_id);
  if (!method)
    throw new Error(`method ${failure.payment_method_id} is missing from the wallet that was checked`);
  const decision = withRenewedConsent(classifyFailure(failure, method), method, failure.occurred_at);
  return { tx, input, customer, wallet, method, ...(known ? { known } : {}), attempts, decision };
}

/**
 * How much of a report applies. `lesson`: it is older than what was applied, or too old to act on, but what it says
 * about the card or the consent still holds (docs/reference/workflows.md, 'Accepted messages').
 */
export type ReportRelevance = 'none' | 'lesson' | 'all';

export function relevanceOf({ input, known, attempts, decision }: OpeningContext): ReportRelevance {
  const { failure } = input;
  if (attempts.some((attempt) => attempt.key === reportedAttemptKey(failure.event_id))) return 'none';
  const isCurrent = !isStale(input) && (known === undefined || isNewer(known, failure));
  if (isCurrent) return 'all';
  return isPermanent(decision) ? 'lesson' : 'none';
}

/** The payment named by a settlement that arrived before any failure. */
export function advancePaymentRef({ known }: OpeningContext): string | undefined {
  return known && !hasFailure(known.obligation) ? known.obligation.settled_ref : undefined;
}

/** Whether the gateway reports that the payment which closed it in advance cannot have settled what is owed. */
export function isContradicted(context: OpeningContext): boolean {
  const { evidence } = context.input;
  return advancePaymentRef(context) !== undefined && (evidence === 'of_another' || evidence === 'not_paid');
}

/**
 * Newer than what was applied. The first failure of a payment that a settlement closed in advance counts as newer,
 * although it nearly always occurred before the settlement.
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
