/** The stored blind indexes of values that the graph still has, so that they can be hashed with another key. */

import { addressKey } from '../../domain/address.ts';
import type { BlindKind } from '../../security/blind-index.ts';
import type { DataKey, KeyOwner } from '../../security/data-key.ts';
import { tokenKey } from '../wallet/token-hash.ts';

/** A node with a hash, and the properties that the hashed value is made of. */
export interface HashedNode {
  readonly id: string;
  readonly hash: string;
  /** The customer or device whose key opens the value; null: the node is an orphan. */
  readonly owner_id: string | null;
  readonly properties: Readonly<Record<string, string | null>>;
}

/** The blind index of one label. */
export interface HashedLabel {
  readonly label: 'DigitalIdentifier' | 'PaymentMethod' | 'Device' | 'Address';
  /** The property with the hash. */
  readonly property: string;
  /** Cypher: another node has the new hash of `n`, although the hash is unique; absent: it is not unique. */
  readonly isTaken?: string;
  readonly owner: KeyOwner['label'];
  /** Cypher for the id of the owner of the node `n`. */
  readonly ownerCypher: string;
  /** The properties that `open` reads. */
  readonly reads: readonly string[];
  /** @throws PersonaError internal: the sealed value was changed or belongs elsewhere */
  open(key: DataKey, node: HashedNode): { kind: BlindKind; value: string };
}

const customerBy = (edge: string) =>
  `head(COLLECT { MATCH (c:Customer)-[:${edge}]->(n) RETURN c.id LIMIT 1 })`;
const text = ({ properties }: HashedNode, name: string) => properties[name] ?? '';

export const HASHED_LABELS: readonly HashedLabel[] = [
  {
    label: 'DigitalIdentifier',
    property: 'value_hash',
    isTaken: 'EXISTS { (:DigitalIdentifier {type: n.type, value_hash: change.new_hash}) }',
    owner: 'CustomerKey',
    ownerCypher: customerBy('HAS_DIGITAL_IDENTIFIER'),
    reads: ['type', 'value'],
    open: (key, node) => ({
      kind: text(node, 'type') as 'email' | 'phone_number',
      value: key.open(text(node, 'value'), 'DigitalIdentifier', node.id, 'value'),
    }),
  },
  {
    label: 'PaymentMethod',
    property: 'token_hash',
    isTaken: 'EXISTS { (:PaymentMethod {token_hash: change.new_hash}) }',
    owner: 'CustomerKey',
    ownerCypher: customerBy('HAS_PAYMENT_METHOD'),
    reads: ['token'],
    open: (key, node) => ({
      kind: 'token',
      value: tokenKey(key.open(text(node, 'token'), 'PaymentMethod', node.id, 'token'), node.id),
    }),
  },
  {
    label: 'Device',
    property: 'fingerprint_hash',
    isTaken: 'EXISTS { (:Device {fingerprint_hash: change.new_hash}) }',
    owner: 'DeviceKey',
    ownerCypher: 'n.id',
    reads: ['fingerprint'],
    open: (key, node) => ({
      kind: 'fingerprint',
      value: key.open(text(node, 'fingerprint'), 'Device', node.id, 'fingerprint'),
    }),
  },
  {
    label: 'Address',
    property: 'address_hash',
    owner: 'CustomerKey',
    ownerCypher: customerBy('SHIPPED_TO'),
    reads: ['street1', 'street2', 'city', 'zip_code', 'country'],
    open: (key, node) => ({ kind: 'address', value: addressText(key, node) }),
  },
];

/** The node has city and zip code in plaintext. */
function addressText(key: DataKey, node: HashedNode): string {
  const open = (field: string) => key.open(text(node, field), 'Address', node.id, field);
  const { street2 } = node.properties;
  return addressKey({
    street1: open('street1'),
    street2: street2 == null ? undefined : open('street2'),
    city: text(node, 'city'),
    zip_code: text(node, 'zip_code'),
    country: text(node, 'country'),
  });
}
