import { PersonaError } from '../../domain/errors.ts';
import type { MethodRefusal, PaymentMethodStatus } from '../../domain/payment-method.ts';
import { expiresOn, isExpired, transition } from '../../domain/payment-method.ts';
import type { AttachAnswer, GatewayPaymentMethod } from '../../domain/ports.ts';
import { isUnderReview } from '../fraud/case-holds.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { CommandTx, CustomerNode } from '../kernel/command-tx.ts';
import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import { lockIdentities } from '../kernel/identity-locks.ts';
import { UNRESOLVED } from '../recovery/records.ts';
import { changedDetails } from './changed-details.ts';
import { inheritDisputes } from './record-dispute.ts';
import { tokenHashes } from './token-hash.ts';
import { findTokenHolder, type TokenHolder } from './upsert-wallet-method.ts';
import { openWallet, type Wallet, type WalletMethod } from './wallet.ts';

export interface Verification {
  customer_id: string;
  payment_method_id: string;
  /** The gateway's customer to whom the method was attached, or was to be. */
  gateway_customer_ref?: string;
  /** The reference that this one replaces, because it turned out to be unknown there, or another customer's. */
  instead_of?: string;
  answer: AttachAnswer;
}

export interface VerifiedPaymentMethod {
  payment_method_id: string;
  payment_method_status: PaymentMethodStatus;
  /** Why the customer cannot have it. */
  refused?: MethodRefusal;
  is_default: boolean;
  default_payment_method_id?: string;
  /** The customer's. */
  version: number;
}

/**
 * Records the gateway's result for a new method: the customer's reference there, the card's details and token (the
 * gateway's take precedence: `pm_card_visa` becomes a separate method when it is attached), the status, and the default
 * if there is none yet.
 * @throws PersonaError customer_not_found, payment_method_not_found, charge_unresolved
 */
export async function recordVerification(
  graph: Graph,
  header: CommandHeader,
  input: Verification,
): Promise<VerifiedPaymentMethod> {
  const { customer_id, payment_method_id } = input;
  return runCommand(graph, header, 'recordVerification', input, async (tx) => {
    const { answer: gatewayAnswer } = input;
    const hashes =
      gatewayAnswer.result === 'attached' ? tokenHashes(graph.blindIndex, gatewayAnswer.method.token) : [];
    lockIdentities(tx, hashes);
    const [customer, wallet, holder] = await Promise.all([
      tx.lockCustomer(customer_id),
      openWallet(tx, customer_id),
      findTokenHolder(tx, hashes),
    ]);
    const method = wallet.find(payment_method_id);
    const reference = await recordReference(tx, customer, input);
    const answer = checkedAnswer(input, reference);
    // A token that this method, or another one, already has is not written.
    const otherHolder =
      holder !== undefined && holder.payment_method_id !== payment_method_id ? holder : undefined;
    if (answer.result === 'attached' && otherHolder === undefined) {
      const key = tx.keyOf(customer_id);
      const changes = {
        ...changedDetails(method, answer.method, key),
        ...(holder === undefined && {
          token: key.seal(answer.method.token, 'PaymentMethod', payment_method_id, 'token'),
        }),
      };
      if (Object.keys(changes).length > 0) wallet.update(payment_method_id, changes);
      // An earlier mismatch is resolved: these are the gateway's details.
      wallet.setMismatch(payment_method_id, null);
      inheritDisputes(wallet, payment_method_id, answer.method.instrument_fingerprint);
    }
    const context = { method, customer_id, now: Date.parse(tx.recordedAt) };
    const gatewayVerdict = verdict(answer, otherHolder, context);
    const methods = methodsOfCard(
      wallet,
      payment_method_id,
      fingerprintOf(answer) ?? method.instrument_fingerprint,
    );
    const isSuspected =
      gatewayVerdict.status === 'active' && (await isUnderReview(tx, { customer_id, methods }));
    const { status, reason, refused } = isSuspected ? SUSPECTED : gatewayVerdict;
    // A method that failed, was compromised or became inactive meanwhile stays so: the gateway's result is too late.
    const isLate = status === 'active' && method.status !== 'unverified';
    if (!isLate && transition(method.status, status) === 'legal')
      wallet.changeStatus(payment_method_id, status, reason);
    const defaultId = wallet.defaultId;
    const { status: payment_method_status } = method;
    return {
      payment_method_id,
      payment_method_status,
      ...refusalOf(payment_method_status, refused),
      is_default: defaultId === payment_method_id,
      ...(defaultId === null ? {} : { default_payment_method_id: defaultId }),
      version: tx.versionOf(customer_id),
    };
  });
}

const HAS_UNRESOLVED = `
  RETURN EXISTS {
    MATCH (a:ChargeAttempt {customer_id: $customer_id}) WHERE a.state IN $unresolved
  } AS unresolved`;

/** A method attached to another reference than the customer's, which was written meanwhile, cannot be charged. */
function checkedAnswer(
  { answer, gateway_customer_ref: holder }: Verification,
  reference?: string,
): AttachAnswer {
  if (answer.result === 'refused' || holder === undefined || holder === reference) return answer;
  return { result: 'refused', reason: 'other_customer', codes: {} };
}

/**
 * Writes the customer's reference at the gateway, if none was known or the known one must no longer be used.
 * @returns the reference from now on
 */
async function recordReference(
  tx: CommandTx,
  customer: CustomerNode,
  { gateway_customer_ref: reference, instead_of }: Verification,
): Promise<string | undefined> {
  const { id, gateway_customer_ref: known } = customer;
  if (reference === undefined || reference === known) return known;
  if (known !== undefined) {
    if (known !== instead_of) return known;
    // A charge whose response was lost is searched among the payments of its gateway customer: until it is resolved the
    // reference must not change.
    const [row] = await tx.run<{ unresolved: boolean }>(HAS_UNRESOLVED, {
      customer_id: id,
      unresolved: UNRESOLVED,
    });
    if (row?.unresolved)
      throw new PersonaError('charge_unresolved', `a charge of customer ${id} is not resolved yet`);
  }
  const sealed = tx.keyOf(id).seal(reference, 'Customer', id, 'gateway_customer_ref');
  tx.append({
    stream: 'customer',
    stream_id: id,
    type: 'CustomerProfileUpdated',
    data: { gateway_customer_ref: sealed },
  });
  return reference;
}

function refusalOf(status: PaymentMethodStatus, refused?: MethodRefusal): { refused?: MethodRefusal } {
  if (refused) return { refused };
  return status === 'failed' ? { refused: 'payment_method_declined' } : {};
}

interface Verdict {
  status: PaymentMethodStatus;
  reason: string;
  refused?: MethodRefusal;
}

/** A card under fraud review does not evade the review by being removed and added again. */
const SUSPECTED: Verdict = { status: 'failed', reason: 'awaits a fraud review' };

function fingerprintOf(answer: AttachAnswer): string | undefined {
  return answer.result === 'attached' ? answer.method.instrument_fingerprint : undefined;
}

/** The method and the wallet's other tokens of the same card. @param cardFingerprint its fingerprint */
function methodsOfCard(
  { methods }: Wallet,
  payment_method_id: string,
  cardFingerprint: string | null,
): string[] {
  const sameCardMethods = methods.filter(
    (method) => cardFingerprint !== null && method.instrument_fingerprint === cardFingerprint,
  );
  return [payment_method_id, ...sameCardMethods.map((method) => method.payment_method_id)];
}

/**
 * @param otherHolder - another method that already has the token: if it is another customer's, this one is not linked;
 *   if it is the same customer's, this one is a duplicate and becomes inactive
 */
function verdict(
  answer: AttachAnswer,
  otherHolder: TokenHolder | undefined,
  context: { method: WalletMethod; customer_id: string; now: number },
): Verdict {
  if (answer.result === 'refused') {
    const refused =
      answer.reason === 'other_customer' ? 'token_belongs_to_other_customer' : 'payment_method_declined';
    return { status: 'failed', reason: `gateway:${answer.reason}`, refused };
  }
  if (otherHolder === undefined)
    return { status: attachedStatus(answer.method, context), reason: 'verified' };
  return otherHolder.customer_id === context.customer_id
    ? { status: 'inactive', reason: `same_as:${otherHolder.payment_method_id}` }
    : { status: 'failed', reason: 'other_customer', refused: 'token_belongs_to_other_customer' };
}

function attachedStatus(
  known: GatewayPaymentMethod,
  { method, now }: { method: WalletMethod; now: number },
): PaymentMethodStatus {
  const { expiry_month = method.expiry_month, expiry_year = method.expiry_year } = known;
  const expired =
    expiry_month !== null && expiry_year !== null && isExpired(expiresOn(expiry_month, expiry_year), now);
  return expired ? 'expired' : 'active';
}
