import { PersonaError } from '../../domain/errors.ts';
import type { MethodRefusal, PaymentMethodStatus } from '../../domain/payment-method.ts';
import { expiresOn, isExpired, transition } from '../../domain/payment-method.ts';
import type { AttachAnswer, GatewayPaymentMethod } from '../../domain/ports.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { CommandTx, CustomerNode } from '../command-tx.ts';
import type { Graph } from '../graph.ts';
import { isUnderReview } from '../fraud/case-holds.ts';
import { lockIdentities } from '../identity-locks.ts';
import { UNRESOLVED } from '../recovery/records.ts';
import { changedDetails } from './changed-details.ts';
import { findTokenHolder, type TokenHolder } from './upsert-wallet-method.ts';
import { inheritDisputes } from './record-dispute.ts';
import { tokenHashes } from './token-hash.ts';
import { openWallet, type Wallet, type WalletMethod } from './wallet.ts';

export interface Verification {
  customer_id: string;
  payment_method_id: string;
  /** Whom the method was attached to at the gateway, or was to be. */
  gateway_customer_ref?: string;
  /** The reference that turned out to be nobody's there, or another customer's, and that this one replaces. */
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
 * What the gateway said about a new method: the customer's reference there, the card's details and token (the gateway's
 * win: `pm_card_visa` becomes a method of its own when it is attached), the status, and the default if there is none yet.
 * @throws PersonaError customer_not_found, payment_method_not_found, charge_in_doubt
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
    // A token that is the method's own already, or that another method has, is not written.
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
      // Whatever differed before: this is what the gateway has now.
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
    // A method that was suspected, compromised or put aside meanwhile stays so: the gateway's word came too late.
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

/** What is attached to anybody but the customer cannot be charged for it: another reference was written meanwhile. */
function checkedAnswer(
  { answer, gateway_customer_ref: holder }: Verification,
  reference?: string,
): AttachAnswer {
  if (answer.result === 'refused' || holder === undefined || holder === reference) return answer;
  return { result: 'refused', reason: 'other_customer', codes: {} };
}

/**
 * Writes who the customer is at the gateway: if nobody knew, or if what was known is no longer to be used.
 * @returns who that is from now on
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
    // A charge whose answer was lost is looked for among its customer's payments: who that is must stay until it is found.
    const [row] = await tx.run<{ unresolved: boolean }>(HAS_UNRESOLVED, {
      customer_id: id,
      unresolved: UNRESOLVED,
    });
    if (row?.unresolved)
      throw new PersonaError('charge_in_doubt', `a charge of customer ${id} is not resolved yet`);
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

/** The card of a suspicion that awaits a person does not get round that by being removed and added again. */
const SUSPECTED: Verdict = { status: 'failed', reason: 'awaits a fraud review' };

function fingerprintOf(answer: AttachAnswer): string | undefined {
  return answer.result === 'attached' ? answer.method.instrument_fingerprint : undefined;
}

/** The method, and what else of the wallet is the same card by another token. @param cardFingerprint its fingerprint */
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
 * @param otherHolder - another method that has the token already: of another customer, it is not linked; of the same one,
 *   it is the same method once more, and this one is put aside
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
