import { validate, type FieldReader } from '../../domain/validation.ts';
import { validationError } from '../../domain/errors.ts';
import {
  EDITABLE_ATTRIBUTES,
  RELATIONSHIP_TIMES,
  type RelationshipType,
} from '../../domain/relationships.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { CommandTx } from '../command-tx.ts';
import { resolveSuggestion } from '../customers/resolve-identity-match.ts';
import { requireVersion } from '../expected-version.ts';
import type { Graph } from '../graph.ts';
import { openWallet } from '../wallet/wallet.ts';
import { ownerOf } from './owners.ts';
import { getRelationshipAttributes, type RelationshipRef } from './relationship-attributes.ts';

export interface AttributeChange extends RelationshipRef {
  /** One of `EDITABLE_ATTRIBUTES`. */
  attribute: string;
  /** `true`, `false`, a time, or `confirmed` and `rejected`. */
  value: string;
  /** The `changed_seq` of the edge's target node, if it must not have changed since. */
  expected_version?: number;
}

/**
 * Changes one attribute of an edge, if the allowlist permits it. A time older than the stored one changes nothing.
 * @throws PersonaError invalid_argument (not permitted, or an invalid value), relationship_not_found,
 * customer_not_found, illegal_transition (a method that must not be the default; a match already resolved the other
 * way), stale_version
 */
export async function updateRelationshipAttribute(
  graph: Graph,
  header: CommandHeader,
  input: AttributeChange,
): Promise<{ changed: boolean; version: number }> {
  const { source_id, type, target_id, attribute, expected_version } = input;
  const value = readValue(input);
  return runCommand(graph, header, 'updateRelationshipAttribute', input, async (tx) => {
    const customerId = type === 'USED_ON' ? await ownerOf(tx, 'PaymentMethod', source_id) : source_id;
    if (type === 'POSSIBLY_SAME_AS') {
      const [first = '', second = ''] = [source_id, target_id].sort();
      await Promise.all([tx.lockCustomer(first), tx.lockCustomer(second)]);
    } else {
      await tx.lockCustomer(customerId);
    }
    const { attributes, changed_seq } = await getRelationshipAttributes(tx, input);
    requireVersion(`${type} of ${source_id} and ${target_id}`, changed_seq ?? 0, expected_version);
    const before = tx.versionOf(customerId);
    if (type === 'POSSIBLY_SAME_AS')
      await resolveSuggestion(tx, {
        customer_id: source_id,
        other_customer_id: target_id,
        status: value as 'confirmed' | 'rejected',
        reason: MANUAL_CHANGE,
      });
    else if (type === 'HAS_PAYMENT_METHOD' && attribute !== 'last_used')
      await changeMethodAttribute(tx, customerId, target_id, attribute, value === true);
    else if (String(value) > String(attributes[attribute] ?? ''))
      tx.append({
        stream: 'customer',
        stream_id: customerId,
        type: 'RelationshipAttributeChanged',
        data: {
          type: type as keyof typeof RELATIONSHIP_TIMES,
          source_id,
          target_id,
          attribute,
          value: String(value),
        },
      });
    const version = tx.versionOf(customerId);
    return { changed: version !== before, version };
  });
}

const MANUAL_CHANGE = 'changed by hand';

/** The wallet's rules apply: the default is active and proven, and there is one whenever possible. */
async function changeMethodAttribute(
  tx: CommandTx,
  customerId: string,
  paymentMethodId: string,
  attribute: string,
  wanted: boolean,
): Promise<void> {
  const wallet = await openWallet(tx, customerId);
  if (attribute === 'off_session_consent')
    wallet.setConsent(paymentMethodId, wanted, 'service', tx.header.occurredAt);
  else if (wanted) wallet.makeDefault(paymentMethodId, MANUAL_CHANGE);
  else if (wallet.find(paymentMethodId).is_default)
    throw validationError([
      { field: 'value', message: 'must be true: make another method the default instead' },
    ]);
}

/** @throws PersonaError invalid_argument, with all problems */
function readValue(input: AttributeChange): string | boolean {
  const checked = validate(input, (fields) => {
    const { type, attribute } = input;
    const allowed = EDITABLE_ATTRIBUTES[type];
    if (!allowed.includes(attribute)) {
      const problem =
        allowed.length === 0 ? `none of ${type} may be changed` : `must be one of ${allowed.join(', ')}`;
      fields.refuse('attribute', problem);
      return '';
    }
    return readTypedValue(fields, type, attribute);
  });
  if (!checked.ok) throw validationError(checked.problems, checked.type);
  return checked.value;
}

function readTypedValue(fields: FieldReader, type: RelationshipType, attribute: string): string | boolean {
  if (type === 'POSSIBLY_SAME_AS') return fields.requiredOneOf('value', ['confirmed', 'rejected']);
  const time = Object.entries(RELATIONSHIP_TIMES).find(([candidate]) => candidate === type)?.[1];
  if (attribute === time) return fields.requiredTimestamp('value');
  return fields.requiredOneOf('value', ['true', 'false']) === 'true';
}
