import { validationError } from '../../domain/errors.ts';
import { LOCALE, SHORT_TEXT, SEGMENT } from '../../domain/onboarding/fields.ts';
import { EDITABLE_PROPERTIES, type EditableLabel } from '../../domain/relationships.ts';
import { validate, type FieldReader } from '../../domain/validation.ts';
import { AddressBook, readAddresses } from '../addresses/addresses.ts';
import {
  lockIdentifier,
  markVerified,
  readIdentifiers,
  requireIdentifier,
  requireUncontested,
} from '../identifiers/identifiers.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { CommandTx, CustomerNode } from '../kernel/command-tx.ts';
import { runCommand } from '../kernel/command.ts';
import { requireVersion } from '../kernel/expected-version.ts';
import type { Graph } from '../kernel/graph.ts';
import { openWallet } from '../wallet/wallet.ts';
import { ownerOf } from './owners.ts';

export interface PropertyChange {
  label: EditableLabel;
  id: string;
  /** One of `EDITABLE_PROPERTIES`. */
  property: string;
  value: string;
  /** The `changed_seq` of the node (of an identifier: of its customer's profile), if it must not have changed since. */
  expected_version?: number;
}

/**
 * Changes one property of a node, if the allowlist permits it, with its consequences: what was onboarded through an
 * identifier becomes proven when it is verified, and an address that becomes the default replaces the previous one.
 * @throws PersonaError invalid_argument (not permitted, or an invalid value), stale_version, and
 * customer_not_found, payment_method_not_found, address_not_found, identifier_not_found
 */
export async function updateNodeProperty(
  graph: Graph,
  header: CommandHeader,
  input: PropertyChange,
): Promise<{ changed: boolean; version: number }> {
  const value = readValue(input);
  return runCommand(graph, header, 'updateNodeProperty', input, async (tx) => {
    const { label, id } = input;
    if (label === 'DigitalIdentifier') await lockIdentifier(tx, id);
    const customerId = label === 'Customer' ? id : await ownerOf(tx, label, id);
    const customer = await tx.lockCustomer(customerId);
    const before = customer.version;
    await EDIT_BY_LABEL[label](tx, { ...input, customer }, value);
    const version = tx.versionOf(customerId);
    return { changed: version !== before, version };
  });
}

type EditContext = PropertyChange & { customer: CustomerNode };
type Edit = (tx: CommandTx, context: EditContext, value: string | boolean) => Promise<void>;

const EDIT_BY_LABEL: Readonly<Record<EditableLabel, Edit>> = {
  async Customer(tx, { id, property, customer, expected_version }, value) {
    requireVersion(`customer ${id}`, customer.changed_seq, expected_version);
    if (customer[property as 'segment' | 'locale'] !== value) {
      const data = { [property]: value };
      tx.append({ stream: 'customer', stream_id: id, type: 'CustomerProfileUpdated', data });
    }
  },

  async PaymentMethod(tx, { id, customer, expected_version }, value) {
    const wallet = await openWallet(tx, customer.id);
    const { brand, changed_seq } = wallet.find(id);
    requireVersion(`payment method ${id}`, changed_seq, expected_version);
    if (brand !== value) wallet.update(id, { brand: String(value) });
  },

  async Address(tx, { id, property, customer, expected_version }, value) {
    const book = new AddressBook(tx, customer.id, await readAddresses(tx, customer.id));
    const address = { ...book.find(id) };
    requireVersion(`address ${id}`, address.changed_seq, expected_version);
    if (property === 'is_default') book.setDefault(address, value === true);
    else book.setVerified(address, value === true);
  },

  async DigitalIdentifier(tx, { id, customer, expected_version }, value) {
    const existing = await readIdentifiers(tx, customer.id);
    const identifier = requireIdentifier(existing, customer.id, id);
    requireUncontested(identifier);
    const { is_verified } = identifier;
    requireVersion(`the profile of customer ${customer.id}`, customer.changed_seq, expected_version);
    if (value === true && !is_verified) await markVerified(tx, customer.id, id);
    if (value === false && is_verified) {
      const data = { label: 'DigitalIdentifier', id, property: 'is_verified', value } as const;
      tx.append({ stream: 'customer', stream_id: customer.id, type: 'NodePropertyChanged', data });
    }
  },
};

/** @throws PersonaError invalid_argument, card_number_refused */
function readValue(input: PropertyChange): string | boolean {
  const checked = validate(input, (fields) => {
    const allowed: readonly string[] = EDITABLE_PROPERTIES[input.label];
    if (allowed.includes(input.property)) return readTypedValue(fields, input.property);
    fields.refuse('property', `must be one of ${allowed.join(', ')}`);
    return '';
  });
  if (!checked.ok) throw validationError(checked.problems, checked.type);
  return checked.value;
}

function readTypedValue(fields: FieldReader, property: string): string | boolean {
  if (property === 'segment') return fields.requiredText('value', SEGMENT).toUpperCase();
  if (property === 'locale') return fields.requiredText('value', LOCALE).replaceAll('_', '-');
  if (property === 'brand') return fields.requiredText('value', SHORT_TEXT);
  return fields.requiredOneOf('value', ['true', 'false']) === 'true';
}
