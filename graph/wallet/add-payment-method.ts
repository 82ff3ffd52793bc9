import { v7 as uuidv7 } from 'uuid';
import { PersonaError } from '../../domain/errors.ts';
import type { PaymentMethodDetails } from '../../domain/onboarding-types.ts';
import type { PaymentMethodStatus } from '../../domain/payment-method.ts';
import { expiresOn } from '../../domain/payment-method.ts';
import { requestHash } from '../body-hash.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { CommandTx } from '../command-tx.ts';
import type { Graph } from '../graph.ts';
import { lockIdentities } from '../identity-locks.ts';
import { openWallet } from './wallet.ts';
import type { Wallet } from './wallet.ts';

export interface AddPaymentMethod {
  customer_id: string;
  method: PaymentMethodDetails & { device_id?: string };
  /** `customer`: signed in. */
  added_by: 'service' | 'customer';
}

export interface AddedPaymentMethod {
  payment_method_id: string;
  payment_method_status: PaymentMethodStatus;
  /** The customer's. */
  version: number;
  /** False: the customer had this method already. */
  added: boolean;
  request_hash: string;
}

const LINKED_DEVICE = `
  MATCH (:Customer {id: $customer_id})-[:LOGGED_IN_FROM]->(d:Device {id: $device_id})
  RETURN d.id AS device_id`;

/**
 * Puts a payment method into a customer's wallet, `unverified` until the gateway has it. The same token again is a use
 * of the same method; a removed or inactive one comes back under its old id.
 * @throws PersonaError customer_not_found, customer_suspended (a customer's own request), device_not_found (not one of
 * this customer's), token_belongs_to_other_customer
 */
export async function addPaymentMethod(
  graph: Graph,
  header: CommandHeader,
  input: AddPaymentMethod,
): Promise<AddedPaymentMethod> {
  const { customer_id, method, added_by } = input;
  return runCommand(graph, header, 'addPaymentMethod', input, async (tx) => {
    const hashes = graph.blindIndex.hashes('token', method.token);
    lockIdentities(tx, hashes);
    const [customer, holder, [device]] = await Promise.all([
      tx.lockCustomer(customer_id),
      findTokenHolder(tx, hashes),
      method.device_id === undefined
        ? [{ device_id: null }]
        : tx.run<{ device_id: string }>(LINKED_DEVICE, { customer_id, device_id: method.device_id }),
    ]);
    if (customer.status === 'suspended' && added_by === 'customer') {
      throw new PersonaError('customer_suspended', `customer ${customer_id} is suspended`);
    }
    if (device === undefined) {
      throw new PersonaError('device_not_found', `customer ${customer_id} has no device ${method.device_id}`);
    }
    if (holder !== undefined && holder.customer_id !== customer_id) {
      throw new PersonaError(
        'token_belongs_to_other_customer',
        'this payment method belongs to another customer',
      );
    }
    const wallet = await openWallet(tx, customer_id);
    const put = putIntoWallet(tx, wallet, {
      customerId: customer_id,
      details: method,
      knownId: holder?.payment_method_id,
      addedBy: added_by,
      proven: true,
      deviceId: device.device_id,
    });
    return {
      payment_method_id: put.payment_method_id,
      payment_method_status: put.status,
      version: tx.versionOf(customer_id),
      added: put.added,
      request_hash: requestHash(graph, input),
    };
  });
}

const TOKEN_HOLDER = `
  UNWIND $token_hashes AS token_hash
  MATCH (p:PaymentMethod {token_hash: token_hash})<-[:HAS_PAYMENT_METHOD]-(c:Customer)
  RETURN p.id AS payment_method_id, c.id AS customer_id LIMIT 1`;

/** Who holds the token, active or not: it is attached to one customer, and stays with that one. */
export async function findTokenHolder(
  tx: CommandTx,
  tokenHashes: string[],
): Promise<{ payment_method_id: string; customer_id: string } | undefined> {
  const [row] = await tx.run<{ payment_method_id: string; customer_id: string }>(TOKEN_HOLDER, {
    token_hashes: tokenHashes,
  });
  return row;
}

/** A method for a customer's wallet, and how it came. */
export interface IncomingMethod {
  customerId: string;
  details: PaymentMethodDetails;
  /** Its id, if this customer has or had it. */
  knownId?: string;
  addedBy: 'service' | 'customer';
  /** False: the customer was recognised by something unproven. */
  proven: boolean;
  /** The unverified identifier that led here. */
  awaitsIdentifierId?: string;
  deviceId: string | null;
}

/**
 * Adds the method, or records a use of the one that is known. Shared by the wallet and by onboarding; the customer and
 * the token are locked, and nobody else holds the token.
 */
export function putIntoWallet(
  tx: CommandTx,
  wallet: Wallet,
  incoming: IncomingMethod,
): { payment_method_id: string; status: PaymentMethodStatus; added: boolean } {
  const { details, proven, deviceId } = incoming;
  const known = wallet.methods.find((method) => method.payment_method_id === incoming.knownId);
  if (known === undefined || (proven && comesBack(known)))
    return { ...add(tx, wallet, incoming), added: true };
  if (known.removed_at === null) {
    wallet.recordUse(known.payment_method_id, { at: tx.header.occurredAt, proven, deviceId });
    if (proven && details.off_session_consent !== undefined) {
      const source = consentSource(incoming);
      wallet.setConsent(known.payment_method_id, details.off_session_consent, source, tx.header.occurredAt);
    }
  }
  return { payment_method_id: known.payment_method_id, status: known.status, added: false };
}

/** A method that its customer took out, or that was put aside, is used again. A compromised one is not. */
function comesBack(method: { status: PaymentMethodStatus; removed_at: string | null }): boolean {
  return method.status === 'inactive';
}

function add(
  tx: CommandTx,
  wallet: Wallet,
  incoming: IncomingMethod,
): { payment_method_id: string; status: PaymentMethodStatus } {
  const { customerId, details, proven } = incoming;
  const id = incoming.knownId ?? uuidv7();
  const key = tx.keyOf(customerId);
  const consent = proven && details.off_session_consent === true;
  const expires =
    details.expiry_month !== undefined && details.expiry_year !== undefined
      ? expiresOn(details.expiry_month, details.expiry_year)
      : null;
  tx.append({
    stream: 'customer',
    stream_id: customerId,
    type: 'PaymentMethodAdded',
    data: {
      payment_method_id: id,
      type: details.type,
      token: key.seal(details.token, 'PaymentMethod', id, 'token'),
      brand: details.brand ?? null,
      network: details.network ?? null,
      last_four: details.last_four ?? null,
      expiry_month: details.expiry_month ?? null,
      expiry_year: details.expiry_year ?? null,
      expires_on: expires,
      instrument_fingerprint:
        details.instrument_fingerprint === undefined
          ? null
          : key.seal(details.instrument_fingerprint, 'PaymentMethod', id, 'instrument_fingerprint'),
      off_session_consent: consent,
      consent_at: consent ? tx.header.occurredAt : null,
      consent_source: consent ? consentSource(incoming) : null,
      added_by: incoming.addedBy,
      proven,
      awaits_identifier_id: incoming.awaitsIdentifierId ?? null,
      device_id: incoming.deviceId,
    },
  });
  wallet.added(id, tx.header.occurredAt, {
    ...details,
    expires_on: expires,
    consent,
    proven,
    awaitsIdentifierId: incoming.awaitsIdentifierId,
    addedBy: incoming.addedBy,
  });
  return { payment_method_id: id, status: 'unverified' };
}

function consentSource({ details, addedBy }: IncomingMethod): string {
  return addedBy === 'customer' ? 'customer' : (details.consent_source ?? 'service');
}
