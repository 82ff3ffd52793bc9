import { type ExpiryStage, isNewStage, monthOf, noticeKey, stageOf } from '../../domain/expiry/calendar.ts';
import { type ExpiryScan, qualifiesForNotice } from '../../domain/expiry/candidates.ts';
import type { CardNoticeTemplate, GatewayPaymentMethod } from '../../domain/ports.ts';
import { expiryNotificationId, templateOf } from '../../domain/workflow-contracts.ts';
import {
  isAttachedToOtherCustomer,
  isQuarantined,
  OTHER_OWNER,
} from '../../domain/reconciliation/mismatches.ts';
import { type CommandHeader, runCommand } from '../command.ts';
import type { CommandTx, CustomerNode } from '../command-tx.ts';
import type { Graph } from '../graph.ts';
import { followLocked } from '../wallet/follow-payment-method.ts';
import { getOpenObligations } from '../recovery/queries.ts';
import { changedDetails } from '../wallet/changed-details.ts';
import { openWallet, type Wallet, type WalletMethod } from '../wallet/wallet.ts';

/** What became of a card whose month ends. */
export interface CardStep {
  /**
   * `updated`: the gateway has newer details of it, it left the wallet there, or it was put aside as another customer's; `notified`: a notice is due;
   * `expired`: its month is over; `nothing`: it was seen to meanwhile, or nobody is to be written to.
   */
  result: 'updated' | 'notified' | 'expired' | 'nothing';
  /** It may be charged no more: recoveries want to know. */
  concerns_recoveries: boolean;
  /**
   * It has newer details, which open recoveries wait for, and nothing was written: a process that lasts is to read them,
   * write them down and signal those recoveries. Once they are written no scan finds the card again to do that.
   */
  is_to_be_followed?: true;
  /** What is due from now on until it was sent. */
  notice?: { notification_id: string; template: CardNoticeTemplate };
}

/**
 * Takes a card one step towards its end: brings it to what the gateway has read of it, and only if that leaves its month
 * as it is, decides about a notice, or ends it. Whatever is decided stands in the card, so that of several runs, at once
 * or one after the other, one decides.
 *
 * @param input.expires_on the last day for which it was found, `YYYY-MM-DD`: with another one it is left alone
 * @param input.found as read at the gateway; no part of what a repeat is compared by
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
  return runCommand(graph, header, 'rollCard', { ...ids, expires_on }, async (tx): Promise<CardStep> => {
    const [customer, wallet] = await Promise.all([tx.lockCustomer(customer_id), openWallet(tx, customer_id)]);
    const before = wallet.methods.find((method) => method.payment_method_id === payment_method_id);
    // Seen to meanwhile: as it is now, another run may find it due again.
    if (before?.status !== 'active' || before.expires_on !== expires_on) return withoutReceipt(tx, 'nothing');
    // It ends with no month of this wallet's, and its customer is not written to about a stranger's.
    if (isAttachedToOtherCustomer(found, customer.gateway_customer_ref)) {
      const isNewMismatch = wallet.setMismatch(payment_method_id, OTHER_OWNER);
      return {
        ...withoutReceipt(tx, isNewMismatch ? 'updated' : 'nothing'),
        concerns_recoveries: isNewMismatch,
      };
    }
    if (isQuarantined(before)) wallet.setMismatch(payment_method_id, null);
    // As it was before its end takes it from it.
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

/** Ends the card, or says that its customer is to be written to; `undefined`: there is nothing to do. */
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
  // Newer details of a card that is over may have ended it by themselves.
  const stage = isActive ? stageOf(expires_on, scan.now, scan.stages) : 'card_expired';
  if (stage === undefined) return undefined;
  const isNew = customer.status === 'active' && isNewStage(expires_on, stage, card.expiry_noticed);
  if (stage === 'card_expired') {
    if (isActive) wallet.changeStatus(payment_method_id, 'expired', 'its month is over');
    // Of a card that nothing would have been charged on unasked, nobody needs to hear.
    // One that became the default only because that one ended was none when their month did.
    return {
      stage,
      result: 'expired',
      mustNotify: isNew && wasDefault && !wasNotifiedOf(wallet, expires_on),
    };
  }
  const mustNotify = isNew && qualifiesForNotice(card, scan);
  return mustNotify ? { stage, result: 'notified', mustNotify } : undefined;
}

/** One card is the default when its month ends: a customer who has had a notice of that has had the only one. */
function wasNotifiedOf(wallet: Wallet, expires_on: string): boolean {
  const ended = noticeKey(expires_on, 'card_expired');
  return wallet.methods.some(({ expiry_noticed }) => expiry_noticed === ended);
}

/** Nothing stands in the card that keeps the same from being decided anew. */
function withoutReceipt(tx: CommandTx, result: CardStep['result']): CardStep {
  tx.discardReceipt();
  return { result, concerns_recoveries: false };
}

/** Does the gateway have other details of the customer's method? */
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
