import { v7 as uuidv7 } from 'uuid';
import type { EventData } from '../../domain/events/event.ts';
import type { PaymentMethodDetails } from '../../domain/onboarding/types.ts';
import type { PaymentMethodStatus } from '../../domain/payment-method.ts';
import { expiresOn } from '../../domain/payment-method.ts';
import { mayConsent, NETWORK_REVOCATION } from '../../domain/wallet.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import type { Wallet, WalletMethod } from './wallet.ts';

/** The holder of a token, active or not. */
export interface TokenHolder {
  payment_method_id: string;
  customer_id: string;
}

const TOKEN_HOLDER = `
  UNWIND $token_hashes AS token_hash
  MATCH (p:PaymentMethod {token_hash: token_hash})<-[:HAS_PAYMENT_METHOD]-(c:Customer)
  RETURN p.id AS payment_method_id, c.id AS customer_id LIMIT 1`;

/** The holder of the token, active or not: a token is attached to one customer, and stays with that customer. */
export async function findTokenHolder(
  tx: CommandTx,
  tokenHashes: string[],
): Promise<TokenHolder | undefined> {
  const [row] = await tx.run<TokenHolder>(TOKEN_HOLDER, {
    token_hashes: tokenHashes,
  });
  return row;
}

/** A method for a customer's wallet, and where it comes from. */
export interface IncomingMethod {
  customerId: string;
  details: PaymentMethodDetails;
  /** Its id, if this customer has or had it. */
  knownId?: string;
  addedBy: 'service' | 'customer';
  /** False: the customer was recognised by unproven data. */
  proven: boolean;
  /** The unverified identifier by which the customer was recognised. */
  awaitsIdentifierId?: string;
  deviceId: string | null;
}

/**
 * Adds the method, or records a use of the known one. Shared by the wallet and by onboarding; the customer and the
 * token are locked, and no other customer holds the token.
 */
export function upsertWalletMethod(
  tx: CommandTx,
  wallet: Wallet,
  incoming: IncomingMethod,
): { payment_method_id: string; status: PaymentMethodStatus; added: boolean } {
  const { details, proven, deviceId } = incoming;
  const known = wallet.methods.find((method) => method.payment_method_id === incoming.knownId);
  // A removed or inactive method is added again; a compromised one stays compromised.
  if (known === undefined || (proven && known.status === 'inactive')) {
    return { payment_method_id: appendMethodAdded(tx, incoming, known), status: 'unverified', added: true };
  }
  if (known.removed_at === null) {
    wallet.recordUse(known.payment_method_id, { at: tx.header.occurredAt, proven, deviceId });
    const consent = details.off_session_consent;
    const source = consentSource(incoming);
    // A checkout that repeats an earlier consent neither restores a revoked one, or one on a contested method,
    // nor fails because of it.
    const mayGive = known.uncontested_proven === null && mayConsent(known, source);
    if (proven && consent !== undefined && (!consent || mayGive)) {
      wallet.setConsent(known.payment_method_id, consent, source, tx.header.occurredAt);
    }
  }
  return { payment_method_id: known.payment_method_id, status: known.status, added: false };
}

/** @returns its id: a new one, or the old one of a method that is added again, with its known details */
function appendMethodAdded(
  tx: CommandTx,
  incoming: IncomingMethod,
  previous: WalletMethod | undefined,
): string {
  const { customerId, details, proven } = incoming;
  const id = previous?.payment_method_id ?? uuidv7();
  const key = tx.keyOf(customerId);
  const expiry_month = details.expiry_month ?? previous?.expiry_month ?? null;
  const expiry_year = details.expiry_year ?? previous?.expiry_year ?? null;
  const fingerprint = details.instrument_fingerprint ?? previous?.instrument_fingerprint ?? null;
  tx.append({
    stream: 'customer',
    stream_id: customerId,
    type: 'PaymentMethodAdded',
    data: {
      payment_method_id: id,
      type: details.type,
      token: key.seal(details.token, 'PaymentMethod', id, 'token'),
      brand: details.brand ?? previous?.brand ?? null,
      network: details.network ?? previous?.network ?? null,
      last_four: details.last_four ?? previous?.last_four ?? null,
      expiry_month,
      expiry_year,
      expires_on: expiry_month === null || expiry_year === null ? null : expiresOn(expiry_month, expiry_year),
      instrument_fingerprint:
        fingerprint && key.seal(fingerprint, 'PaymentMethod', id, 'instrument_fingerprint'),
      ...consentOf(incoming, previous, tx.header.occurredAt),
      added_by: incoming.addedBy,
      proven,
      awaits_identifier_id: incoming.awaitsIdentifierId ?? null,
      device_id: incoming.deviceId,
    },
  });
  return id;
}

/** A method that is added again needs new consent; a revoked one stays revoked until the customer consents again. */
function consentOf(
  incoming: IncomingMethod,
  previous: WalletMethod | undefined,
  at: string,
): Pick<EventData['PaymentMethodAdded'], 'off_session_consent' | 'consent_at' | 'consent_source'> {
  const source = consentSource(incoming);
  const isGiven = incoming.proven && incoming.details.off_session_consent === true;
  if (isGiven && (previous === undefined || mayConsent(previous, source))) {
    return { off_session_consent: true, consent_at: at, consent_source: source };
  }
  const revoked = previous?.consent_source === NETWORK_REVOCATION ? previous : undefined;
  return {
    off_session_consent: false,
    consent_at: revoked?.consent_at ?? null,
    consent_source: revoked?.consent_source ?? null,
  };
}

/** Sources with a meaning: a customer may restore a revoked consent. A service can name neither as its own. */
const RESERVED_SOURCES = ['customer', NETWORK_REVOCATION];

function consentSource({ details: { consent_source }, addedBy }: IncomingMethod): string {
  if (addedBy === 'customer') return 'customer';
  return consent_source === undefined || RESERVED_SOURCES.includes(consent_source)
    ? 'service'
    : consent_source;
}
