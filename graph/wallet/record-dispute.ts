import { isFraudAlreadyKnown, isKnownFraud, restrictingDisputes } from '../../domain/disputes.ts';
import type { GatewayDispute } from '../../domain/ports.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import { findByHashes } from '../kernel/identity-locks.ts';
import { tokenHashes } from './token-hash.ts';
import { openWallet, type Wallet, type WalletMethod } from './wallet.ts';

/** A customer whose wallet has, or had, the charged card. */
export interface CardHolder {
  customer_id: string;
  /** The disputed charge was theirs: they hold the charged token, or are the gateway's customer who was charged. */
  charged: boolean;
  /** The method whose token was charged. */
  payment_method_id: string | null;
}

// A property that is null matches no row.
const HOLDERS = `
  CALL () {
    UNWIND $token_hashes AS token_hash
    MATCH (p:PaymentMethod {token_hash: token_hash})<-[:HAS_PAYMENT_METHOD]-(c:Customer)
    RETURN c.id AS customer_id, true AS charged, p.id AS payment_method_id
    UNION
    MATCH (p:PaymentMethod {instrument_fingerprint: $instrument_fingerprint})<-[:HAS_PAYMENT_METHOD]-(c:Customer)
    RETURN DISTINCT c.id AS customer_id, coalesce(c.gateway_customer_ref = $gateway_customer_ref, false) AS charged,
      null AS payment_method_id
  }
  RETURN customer_id, max(toInteger(charged)) = 1 AS charged, head(collect(payment_method_id)) AS payment_method_id
  ORDER BY charged DESC, customer_id`;

/** The holders of a disputed charge's card, charged customers first; empty if the card is in no wallet. */
export async function findCardHolders(graph: Graph, dispute: GatewayDispute): Promise<CardHolder[]> {
  const { token, instrument_fingerprint = null, gateway_customer_ref = null } = dispute;
  const token_hashes = token === undefined ? [] : tokenHashes(graph.blindIndex, token);
  return findByHashes<CardHolder>(
    graph,
    token_hashes,
    { cypher: HOLDERS, parameters: { token_hashes, instrument_fingerprint, gateway_customer_ref } },
    (holders) => holders.some(({ payment_method_id }) => payment_method_id !== null),
  );
}

export interface RecordedDispute {
  /** Whether anything about it was new. */
  changed: boolean;
  /** Methods for which this dispute reports known fraud for the first time. */
  suspected: string[];
  /** The customer's recoveries that this ends. */
  ended: string[];
}

/**
 * Records the state of a charge's dispute, or an early fraud warning, for every token of the card in one customer's
 * wallet: an open or lost dispute takes the default away, and known fraud compromises the card and ends the recoveries
 * that were to be paid with it. For a customer who was not charged themselves only the fraud is applied.
 *
 * @param input.dispute as read at the gateway; not part of the body by which a repeat is compared
 * @throws PersonaError customer_not_found
 */
export function recordDispute(
  graph: Graph,
  header: CommandHeader,
  input: { holder: CardHolder; dispute: GatewayDispute },
): Promise<RecordedDispute> {
  const { holder, dispute } = input;
  const { customer_id } = holder;
  const body = { customer_id, dispute_ref: dispute.dispute_ref };
  return runCommand(graph, header, 'recordDispute', body, async (tx): Promise<RecordedDispute> => {
    const [, wallet] = await Promise.all([tx.lockCustomer(customer_id), openWallet(tx, customer_id)]);
    const chargedMethod = wallet.methods.find(
      (method) => method.payment_method_id === holder.payment_method_id,
    );
    const cardFingerprint = dispute.instrument_fingerprint ?? chargedMethod?.instrument_fingerprint ?? null;
    const cardMethods = wallet.methods.filter(
      (method) =>
        method === chargedMethod ||
        (cardFingerprint !== null && method.instrument_fingerprint === cardFingerprint),
    );
    const isNewFraud = isNewlyKnownFraud(holder, cardMethods, dispute);
    const { dispute_ref, reason, state } = dispute;
    let changed = false;
    for (const { payment_method_id } of holder.charged ? cardMethods : []) {
      if (wallet.dispute(payment_method_id, { dispute_ref, reason, state })) changed = true;
    }
    if (!isNewFraud) return { changed, suspected: [], ended: [] };
    // A token whose number has been replaced since is another card.
    const sameCard = cardMethods.filter(
      ({ instrument_fingerprint: fingerprint }) =>
        fingerprint === null || cardFingerprint === null || fingerprint === cardFingerprint,
    );
    const suspected: string[] = [];
    for (const { payment_method_id } of sameCard) {
      const isNew = wallet.compromise(payment_method_id, 'FRAUD');
      changed ||= isNew;
      if (isNew || holder.charged) suspected.push(payment_method_id);
    }
    return { changed, suspected, ended: await markFraudKnown(tx, customer_id, suspected) };
  });
}

/** Each dispute establishes known fraud once: what is decided about the card afterwards remains in effect. */
function isNewlyKnownFraud(
  { charged }: CardHolder,
  cardMethods: readonly Readonly<WalletMethod>[],
  dispute: GatewayDispute,
): boolean {
  if (!isKnownFraud(dispute)) return false;
  return !charged || cardMethods.some(({ disputes }) => !isFraudAlreadyKnown(disputes, dispute));
}

const OBLIGATIONS = `
  MATCH (:Customer {id: $customer_id})-[:OWES]->(o:Obligation)
  WHERE o.state IN ['open', 'needs_review'] AND o.fraud_known IS NULL AND (
    o.failed_payment_method_id IN $methods OR EXISTS {
      MATCH (a:ChargeAttempt {payment_id: o.payment_id})
      WHERE a.payment_method_id IN $methods AND a.state <> 'void'
    })
  RETURN o.payment_id AS payment_id ORDER BY payment_id`;

/** Marked in this transaction: nothing is claimed for them any more, whether or not their runs are signalled. */
async function markFraudKnown(tx: CommandTx, customer_id: string, methods: string[]): Promise<string[]> {
  const rows = await tx.read<{ payment_id: string }>(OBLIGATIONS, { customer_id, methods });
  for (const { payment_id: id } of rows) {
    const data = { label: 'Obligation', id, property: 'fraud_known', value: true } as const;
    tx.append({ stream: 'customer', stream_id: customer_id, type: 'NodePropertyChanged', data });
  }
  return rows.map(({ payment_id }) => payment_id);
}

/** A card with a disputed charge is disputed under each of its tokens, including one that is added meanwhile. */
export function inheritDisputes(
  wallet: Wallet,
  paymentMethodId: string,
  cardFingerprint: string | undefined,
): void {
  if (cardFingerprint === undefined) return;
  const sameCardMethods = wallet.methods.filter(
    (method) =>
      method.instrument_fingerprint === cardFingerprint && method.payment_method_id !== paymentMethodId,
  );
  for (const { payment_method_id, disputes } of sameCardMethods) {
    for (const dispute of restrictingDisputes(disputes)) {
      wallet.dispute(paymentMethodId, { ...dispute, reason: `same_card:${payment_method_id}` });
    }
  }
}
