import { v7 as uuidv7 } from 'uuid';
import type { AddressDetails } from '../../domain/onboarding-types.ts';
import type { Recognition } from '../../domain/recognition.ts';
import type { DataKey } from '../../security/data-key.ts';
import { sealPlace } from '../addresses/place.ts';
import type { CommandTx } from '../command-tx.ts';
import type { Incoming } from './incoming.ts';
import type { Known, KnownAddress } from './known.ts';

/** A new address, or one more shipment to a known one. */
export function writeAddress(
  tx: CommandTx,
  scene: { customerId: string; incoming: Incoming; known: Known; recognition: Recognition },
): void {
  const { customerId, incoming, known, recognition } = scene;
  const details = incoming.request.address_details;
  if (details === undefined) return;
  const stream = { stream: 'customer', stream_id: customerId } as const;
  const key = tx.keyOf(customerId);
  const { occurredAt } = tx.header;
  const { proven } = recognition;
  const same = known.addresses.find((address) => isSame(address, details, key));
  if (same !== undefined) {
    const data = {
      address_id: same.address_id,
      is_verified: same.is_verified || (proven && details.is_verified === true),
      last_shipped: occurredAt > same.last_shipped ? occurredAt : same.last_shipped,
      proven: same.proven || proven,
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
      ...sealPlace(key, address_id, details),
      is_default: proven && !known.addresses.some((address) => address.is_default),
      is_verified: details.is_verified ?? false,
      proven,
      awaits_identifier_id: recognition.awaits_identifier_id ?? null,
    },
  });
}

function isSame(known: KnownAddress, details: AddressDetails, key: DataKey): boolean {
  const open = (field: 'street1' | 'street2') => {
    const sealed = known[field];
    return sealed === null ? '' : key.open(sealed, 'Address', known.address_id, field);
  };
  return (
    known.country === details.country &&
    alike(known.zip_code, details.zip_code) &&
    alike(known.city, details.city) &&
    alike(open('street1'), details.street1) &&
    alike(open('street2'), details.street2 ?? '')
  );
}

/** Spelling in capitals or with other spaces does not make another address. */
function alike(a: string, b: string): boolean {
  const plain = (text: string) => text.trim().replace(/\s+/g, ' ').toLocaleLowerCase('en');
  return plain(a) === plain(b);
}
