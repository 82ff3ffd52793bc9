import type { OnboardingRequest } from '../../domain/onboarding/types.ts';
import type { Recognition } from '../../domain/recognition.ts';
import { findLogin, type Login } from '../devices/logins.ts';
import { provenOtherwise } from '../events/proof.ts';
import type { CommandTx, CustomerNode, DeviceNode } from '../kernel/command-tx.ts';
import { readWallet, Wallet } from '../wallet/wallet.ts';
import type { LookupResult } from './evidence.ts';
import type { IncomingRequest } from './incoming-request.ts';

export interface KnownAddress {
  address_id: string;
  street1: string;
  street2: string | null;
  city: string;
  is_default: boolean;
  is_verified: boolean;
  zip_code: string;
  country: string;
  last_shipped: string;
  /** Contests apart. */
  proven: boolean;
}

/** The existing state of the customer and the device, read under their locks. */
export interface KnownState {
  /** Absent: a new customer. */
  customer?: CustomerNode;
  device?: DeviceNode;
  /** This customer's edge to this device. */
  login?: Login;
  /** Empty if nothing in the request can change it. */
  wallet: Wallet;
  /** The customer's addresses of the request's type. */
  addresses: KnownAddress[];
  /** Customers of earlier suggestions, whatever their status; only read if the request leads to a suggestion. */
  suggestedBefore: string[];
}

// A suggestion's edge locks the customer at its other end: in order of ids, like every customer lock.
const LOCK_CUSTOMERS = `
  UNWIND $ids AS id
  MATCH (c:Customer {id: id})
  SET c.locked = true
  REMOVE c.locked`;

const ADDRESSES = `
  MATCH (:Customer {id: $customer_id})-[s:SHIPPED_TO]->(a:Address {type: $type})
  RETURN a.id AS address_id, a.street1 AS street1, a.street2 AS street2, a.city AS city, a.zip_code AS zip_code,
    a.country AS country, a.is_default AS is_default, a.is_verified AS is_verified,
    s.last_shipped AS last_shipped, ${provenOtherwise('s')} AS proven`;

const SUGGESTED_BEFORE = `
  MATCH (:Customer {id: $customer_id})-[:POSSIBLY_SAME_AS]-(other:Customer)
  RETURN collect(DISTINCT other.id) AS ids`;

/** Locks customers by id, then the device, then reads: one round trip. */
export async function readKnownState(
  tx: CommandTx,
  context: { customerId: string; recognition: Recognition; incoming: IncomingRequest; found: LookupResult },
): Promise<KnownState> {
  const { customerId, recognition, incoming, found } = context;
  const isKnown = recognition.customer_id !== undefined;
  const suggestedIds = recognition.suggestions.map((suggestion) => suggestion.customer_id).sort();
  lockCustomers(
    tx,
    suggestedIds.filter((id) => id < customerId),
  );
  const customer = isKnown ? tx.lockCustomer(customerId) : undefined;
  lockCustomers(
    tx,
    suggestedIds.filter((id) => id > customerId),
  );
  const device = found.deviceId === undefined ? undefined : tx.lockDevice(found.deviceId);
  if (!isKnown) {
    tx.beginStream('customer', customerId);
    return {
      device: await device,
      wallet: new Wallet(tx, customerId, []),
      addresses: [],
      suggestedBefore: [],
    };
  }
  const [customerNode, deviceNode, login, methods, addresses, [suggestedRow]] = await Promise.all([
    customer,
    device,
    found.deviceId === undefined ? undefined : findLogin(tx, customerId, found.deviceId),
    mayChangeWallet(incoming, found) ? readWallet(tx, customerId) : [],
    readAddresses(tx, customerId, incoming.request.address_details),
    suggestedIds.length === 0 ? [] : tx.run<{ ids: string[] }>(SUGGESTED_BEFORE, { customer_id: customerId }),
  ]);
  return {
    customer: customerNode,
    device: deviceNode,
    login,
    wallet: new Wallet(tx, customerId, methods),
    addresses,
    suggestedBefore: suggestedRow?.ids ?? [],
  };
}

/** With a payment method, or with an identifier that may be verified now, so that what it led to becomes proven. */
function mayChangeWallet(
  { request, identifiers }: IncomingRequest,
  { holdersByIdentifier }: LookupResult,
): boolean {
  return (
    request.payment_method_details !== undefined ||
    identifiers.some(
      (identifier) =>
        identifier.is_verified && holdersByIdentifier.get(identifier)?.some((match) => !match.is_verified),
    )
  );
}

function lockCustomers(tx: CommandTx, ids: string[]): void {
  if (ids.length > 0) tx.send(LOCK_CUSTOMERS, { ids });
}

async function readAddresses(
  tx: CommandTx,
  customerId: string,
  wanted: OnboardingRequest['address_details'],
): Promise<KnownAddress[]> {
  if (wanted === undefined) return [];
  return tx.run<KnownAddress>(ADDRESSES, { customer_id: customerId, type: wanted.type });
}
