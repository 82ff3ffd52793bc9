import type { ReportedDetails } from '../../domain/method-details.ts';
import { expiresOn, isExpired, type PaymentMethodStatus, transition } from '../../domain/payment-method.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { CommandTx } from '../command-tx.ts';
import { lockOwner, type Requester } from '../customers/lock-owner.ts';
import { requireVersion } from '../expected-version.ts';
import { findHold, readCaseChanges } from '../fraud/case-holds.ts';
import type { Graph } from '../graph.ts';
import { changedDetails } from './changed-details.ts';
import { type MethodDetails, openWallet, type Wallet } from './wallet.ts';

export interface PaymentMethodUpdate {
  customer_id: string;
  payment_method_id: string;
  /** Newer details, as reported by the gateway, the account updater or the customer. */
  details: ReportedDetails;
  /** Absent: unchanged. */
  off_session_consent?: boolean;
  by: Requester;
  /** The method's `changed_seq`, if it must not have changed since. */
  expected_version?: number;
}

export interface UpdatedPaymentMethod {
  changed: boolean;
  payment_method_status: PaymentMethodStatus;
  /** The customer's. */
  version: number;
}

/**
 * Records newer details of a method. A new expiry or number reactivates a card that has expired or failed; an expiry in
 * the past makes a card expired. A status held by a fraud case stays, while the details are updated.
 * @throws PersonaError customer_not_found, customer_suspended (a customer's own request), payment_method_not_found,
 * stale_version, illegal_transition (consent that was revoked, and not by the customer)
 */
export async function updatePaymentMethod(
  graph: Graph,
  header: CommandHeader,
  input: PaymentMethodUpdate,
): Promise<UpdatedPaymentMethod> {
  const { customer_id, payment_method_id, details, off_session_consent, by } = input;
  return runCommand(graph, header, 'updatePaymentMethod', input, async (tx) => {
    const [, wallet] = await Promise.all([lockOwner(tx, customer_id, by), openWallet(tx, customer_id)]);
    const method = wallet.find(payment_method_id);
    requireVersion(`payment method ${payment_method_id}`, method.changed_seq, input.expected_version);
    const before = tx.versionOf(customer_id);
    const changes = changedDetails(method, details, tx.keyOf(customer_id));
    if (changes !== undefined) {
      wallet.update(payment_method_id, changes);
      await applyDerivedStatus(tx, wallet, { customer_id, payment_method_id, changes });
    }
    if (off_session_consent !== undefined)
      wallet.setConsent(payment_method_id, off_session_consent, by, tx.header.occurredAt);
    const version = tx.versionOf(customer_id);
    return {
      changed: version !== before,
      payment_method_status: wallet.find(payment_method_id).status,
      version,
    };
  });
}

/** A card with a new value of one of these is a new card to its bank; other new details do not reactivate it. */
const REISSUE_FIELDS = ['expiry_month', 'expiry_year', 'last_four', 'instrument_fingerprint'] as const;

/** Sets the status that follows from newer details; a status held by a fraud case stays until the case is cleared. */
export async function applyDerivedStatus(
  tx: CommandTx,
  wallet: Wallet,
  {
    customer_id,
    payment_method_id,
    changes,
  }: { customer_id: string; payment_method_id: string; changes: MethodDetails },
): Promise<void> {
  const method = wallet.find(payment_method_id);
  const { status, expiry_month, expiry_year } = method;
  const now = Date.parse(tx.recordedAt);
  const isPastExpiry =
    expiry_month !== null && expiry_year !== null && isExpired(expiresOn(expiry_month, expiry_year), now);
  const derivedStatus = isPastExpiry ? 'expired' : 'active';
  const isReissued = REISSUE_FIELDS.some((field) => changes[field] !== undefined);
  // Only the gateway's verification activates an unverified method; an inactive or compromised one stays so.
  const mayApply = isPastExpiry || (isReissued && (status === 'expired' || status === 'failed'));
  if (!mayApply || transition(status, derivedStatus) !== 'legal') return;
  // No case holds an active method.
  const cases = status === 'active' ? [] : await readCaseChanges(tx, { customer_id });
  if (findHold(cases, method) === undefined)
    wallet.changeStatus(payment_method_id, derivedStatus, 'new details');
}
