import { type ExpiryStage, isNewStage, monthOf, noticeKey, stageOf } from '../../domain/expiry/calendar.ts';
import { type ExpiryScan, qualifiesForNotice } from '../../domain/expiry/candidates.ts';
import type { CardNoticeTemplate, GatewayPaymentMethod } from '../../domain/ports.ts';
import {
  isAttachedToOtherCustomer,
  isQuarantined,
  OTHER_OWNER,
} from '../../domain/reconciliation/mismatches.ts';
import { expiryNotificationId, templateOf } from '../../domain/workflow-contracts.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { CommandTx, CustomerNode } from '../kernel/command-tx.ts';
import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import { getOpenObligations } from '../recovery/queries.ts';
import { changedDetails } from '../wallet/changed-details.ts';
import { followLocked } from '../wallet/follow-payment-method.ts';
import { openWallet, type Wallet, type WalletMethod } from '../wallet/wallet.ts';

/** The result of one step of an expiring card. */
export interface CardStep {
  /**
   * `updated`: the gateway has newer details of it, it was detached there, or it was quarantined as another customer's;
   * `notified`: a notice is due; `expired`: its month is over; `nothing`: handled meanwhile, or no notice is due.
   */
  result: 'updated' | 'notified' | 'expired' | 'nothing';
  /** The card may no longer be charged: recoveries are to be signalled. */
  concerns_recoveries: boolean;
  /**
   * The card has newer details, which open recoveries wait for, and nothing was written: a workflow is to read them,
   * record them and signal those recoveries. Once they are recorded, no scan would find the card again to do that.
   */
  is_to_be_followed?: true;
  /** The notice that is due until it has been sent. */
  notice?: { notification_id: string; template: CardNoticeTemplate };
}

/**
 * Advances an expiring card by one step: applies the gateway's current details and, only if its expiry is unchanged,
 * makes a notice due or expires the card. The decision is recorded on the card, so that of several runs, concurrent or
 * consecutive, only one decides.
 *
 * @param input.expires_on the last day with which the scan found it, `YYYY-MM-DD`; if it has changed, nothing is done
 * @param input.found as read at the gateway; not compared when the command is repeated
 * @throws PersonaError customer_not_found
 */
export async function advanceCardExpiry(
  graph: Graph,
  header: CommandHeader,
  input: {
    customer_id: string;
    payment_method_id: string;
    expires_on: string;
    found: GatewayPaymentMethod;
    scan: ExpiryScan;
  },
): Promise<CardStep> {
  const { customer_id, payment_method_id, expires_on, found, scan } = input;
  const ids = { customer_id, payment_method_id };
  const body = { ...ids, expires_on };
  return runCommand(graph, header, 'advanceCardExpiry', body, async (tx): Promise<CardStep> => {
    const [customer, wallet] = await Promise.all([tx.lockCustomer(customer_id), openWallet(tx, customer_id)]);
    const before = wallet.methods.find((method) => method.payment_method_id === payment_method_id);
    // Handled meanwhile: in its current state, another run may find it due again.
    if (before?.status !== 'active' || before.expires_on !== expires_on) return withoutReceipt(tx, 'nothing');
    // Another customer's card neither expires in this wallet nor causes a notice to this customer.
    if (isAttachedToOtherCustomer(found, customer.gateway_customer_ref)) {
      const isNewMismatch = wallet.setMismatch(payment_method_id, OTHER_OWNER);
      return {
        ...withoutReceipt(tx, isNewMismatch ? 'updated' : 'nothing'),
        concerns_recoveries: isNewMismatch,
      };
    }
    if (isQuarantined(before)) wallet.setMismatch(payment_method_id, null);
    // Read before expiry clears it.
    const { is_default: wasDefault } = before;
    if (hasNewerDetails(tx, { customer, method: before, found })) {
      const openObligations = await getOpenObligations(tx, customer_id);
      if (openObligations.length > 0) return { ...withoutReceipt(tx, 'updated'), is_to_be_followed: true };
    }
    const { change } = await followLocked(tx, { customer, wallet, payment_method_id, found });
    const isRenewed = change === 'removed' || wallet.find(payment_method_id).expires_on !== expires_on;
    if (isRenewed) return withoutReceipt(tx, 'updated');
    const step = decide({ customer, wallet, payment_method_id, expires_on, scan, wasDefault });
    if (step === undefined) return withoutReceipt(tx, change === 'updated' ? 'updated' : 'nothing');
    const { stage, result, mustNotify } = step;
    if (!mustNotify) return { result, concerns_recoveries: true };
    const notification_id = expiryNotificationId(payment_method_id, monthOf(expires_on), stage);
    tx.append({
      ...{ stream: 'customer', stream_id: customer_id, type: 'ExpiryNoticeDue' },
      data: { payment_method_id, expires_on, stage, notice: notification_id },
    });
    const notice = { notification_id, template: templateOf(notification_id) as CardNoticeTemplate };
    return { result, concerns_recoveries: result === 'expired', notice };
  });
}

interface ExpiryDecisionInput {
  customer: CustomerNode;
  wallet: Wallet;
  payment_method_id: string;
  expires_on: string;
  scan: ExpiryScan;
  wasDefault: boolean;
}

/** Expires the card, or decides that its customer is to be notified; `undefined`: there is nothing to do. */
function decide({
  customer,
  wallet,
  payment_method_id,
  expires_on,
  scan,
  wasDefault,
}: ExpiryDecisionInput):
  | { stage: ExpiryStage; result: 'notified' | 'expired'; mustNotify: boolean }
  | undefined {
  const card = wallet.find(payment_method_id);
  const isActive = card.status === 'active';
  // Newer details of a card past its expiry may already have set it to `expired`.
  const stage = isActive ? stageOf(expires_on, scan.now, scan.stages) : 'card_expired';
  if (stage === undefined) return undefined;
  const isNew = customer.status === 'active' && isNewStage(expires_on, stage, card.expiry_noticed);
  if (stage === 'card_expired') {
    if (isActive) wallet.changeStatus(payment_method_id, 'expired', 'its month is over');
    // No notice for a card that would not have been charged automatically. A card that became the default only because
    // another one expired was not the default when the month ended.
    return {
      stage,
      result: 'expired',
      mustNotify: isNew && wasDefault && !wasNotifiedOf(wallet, expires_on),
    };
  }
  const mustNotify = isNew && qualifiesForNotice(card, scan);
  return mustNotify ? { stage, result: 'notified', mustNotify } : undefined;
}

/** Only one card is the default when a month ends: a customer notified of that expiry gets no second notice. */
function wasNotifiedOf(wallet: Wallet, expires_on: string): boolean {
  const ended = noticeKey(expires_on, 'card_expired');
  return wallet.methods.some(({ expiry_noticed }) => expiry_noticed === ended);
}

/** The result is not stored, because nothing recorded on the card prevents a repeat from deciding again. */
function withoutReceipt(tx: CommandTx, result: CardStep['result']): CardStep {
  tx.discardReceipt();
  return { result, concerns_recoveries: false };
}

/** Whether the gateway has different details of the customer's method. */
function hasNewerDetails(
  tx: CommandTx,
  {
    customer: { id, gateway_customer_ref },
    method,
    found,
  }: { customer: CustomerNode; method: Readonly<WalletMethod>; found: GatewayPaymentMethod },
): boolean {
  if (gateway_customer_ref === undefined || found.gateway_customer_ref !== gateway_customer_ref) return false;
  return changedDetails(method, found, tx.keyOf(id)) !== undefined;
}
