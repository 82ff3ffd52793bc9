import { v7 as uuidv7 } from 'uuid';
import type { AddressDetails } from '../../domain/onboarding-types.ts';
import type { Recognition } from '../../domain/recognition.ts';
import type { DataKey } from '../../security/data-key.ts';
import { sealAddress } from '../addresses/seal-address.ts';
import type { CommandTx } from '../command-tx.ts';
import type { IncomingRequest } from './incoming-request.ts';
import type { KnownState, KnownAddress } from './known-state.ts';

/** Adds a new address, or records another shipment to a known one. */
export function writeAddress(
  tx: CommandTx,
  context: { customerId: string; incoming: IncomingRequest; known: KnownState; recognition: Recognition },
): void {
  const { customerId, incoming, known, recognition } = context;
  const details = incoming.request.address_details;
  if (details === undefined) return;
  const stream = { stream: 'customer', stream_id: customerId } as const;
  const key = tx.keyOf(customerId);
  const { occurredAt } = tx.header;
  const { proven } = recognition;
  const existing = known.addresses.find((address) => isSameAddress(address, details, key));
  if (existing !== undefined) {
    const data = {
      address_id: existing.address_id,
      is_verified: existing.is_verified || (proven && details.is_verified === true),
      last_shipped: occurredAt > existing.last_shipped ? occurredAt : existing.last_shipped,
      proven: existing.proven || proven,
    };
    tx.append({ ...stream, type: 'AddressUpdated', data });
    return;
  }
  const address_id = uuidv7();
  tx.append({
    ...stream,
    type: 'AddressAdded',
    data: {
      address_id,
      type: details.type,
      ...sealAddress(key, address_id, details),
      is_default: proven && !known.addresses.some((address) => address.is_default),
      is_verified: details.is_verified ?? false,
      proven,
      awaits_identifier_id: recognition.awaits_identifier_id ?? null,
    },
  });
}

function isSameAddress(known: KnownAddress, details: AddressDetails, key: DataKey): boolean {
  const open = (field: 'street1' | 'street2') => {
    const sealed = known[field];
    return sealed === null ? '' : key.open(sealed, 'Address', known.address_id, field);
  };
  return (
    known.country === details.country &&
    isSameText(known.zip_code, details.zip_code) &&
    isSameText(known.city, details.city) &&
    isSameText(open('street1'), details.street1) &&
    isSameText(open('street2'), details.street2 ?? '')
  );
}

/** Case and whitespace do not make a different address. */
function isSameText(a: string, b: string): boolean {
  const normalise = (text: string) => text.trim().replace(/\s+/g, ' ').toLocaleLowerCase('en');
  return normalise(a) === normalise(b);
}
