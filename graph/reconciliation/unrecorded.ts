/** Finds refunds and disputes in the gateway's lists that the graph has not recorded. */

import { type CardHolder, findCardHolders } from '../wallet/record-dispute.ts';
import type { GatewayDispute } from '../../domain/ports.ts';
import type { RefundRecord } from '../../domain/reconciliation/records.ts';
import type { Graph } from '../graph.ts';
import { findKnownRefund, type KnownRefund } from '../recovery/refund-update.ts';
import { readRefundHistory } from '../recovery/refund-history.ts';
import { readWallet } from '../wallet/wallet.ts';

/**
 * The obligation of a refund whose current state the graph has not recorded; `undefined`: it has, or the charge is not
 * Persona's.
 */
export async function findUnrecordedRefund(
  graph: Graph,
  refund: RefundRecord,
  event_id: string,
): Promise<KnownRefund | undefined> {
  const knownRefund = await findKnownRefund(graph, { ...refund, event_id });
  if (knownRefund === undefined || knownRefund.received) return undefined;
  const { sent, failed } = await readRefundHistory(graph, knownRefund);
  const { refund_ref, state } = refund;
  const isRecorded = state === 'failed' ? failed.has(refund_ref) : sent.has(refund_ref);
  return isRecorded ? undefined : knownRefund;
}

/**
 * The charged customer of a dispute whose current state the wallet has not recorded; `undefined`: it has, or the card
 * is in no wallet.
 */
export async function findUnrecordedDispute(
  graph: Graph,
  dispute: GatewayDispute,
): Promise<CardHolder | undefined> {
  const { dispute_ref, state } = dispute;
  const holders = await findCardHolders(graph, dispute);
  const charged = holders.find((holder) => holder.charged);
  if (charged === undefined) return undefined;
  const wallet = await readWallet(graph, charged.customer_id);
  const isRecorded = wallet.some(({ disputes }) => disputes.includes(`${dispute_ref}:${state}`));
  return isRecorded ? undefined : charged;
}
