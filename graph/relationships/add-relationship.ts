import { validationError } from '../../domain/errors.ts';
import type { AddableRelationship } from '../../domain/relationships.ts';
import { findLogin, recordLogin, requireLogin } from '../devices/logins.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import { runCommand } from '../kernel/command.ts';
import { requireVersion } from '../kernel/expected-version.ts';
import type { Graph } from '../kernel/graph.ts';
import { openWallet } from '../wallet/wallet.ts';
import { ownerOf } from './owners.ts';

/** An edge, identified by its ends: edges have no id. */
export interface NewRelationship {
  source_id: string;
  type: AddableRelationship;
  target_id: string;
  /** The `changed_seq` of the target node, if it must not have changed since. */
  expected_version?: number;
}

interface AddedRelationship {
  /** False: the edge already existed. */
  added: boolean;
  /** The version of the customer in whose stream it is recorded. */
  version: number;
}

/**
 * Adds an edge between two existing nodes: a customer's use of a device, a method's use on a device, or the suggestion
 * that two customers are the same. Every other edge is created with its target node, by a separate command.
 * @throws PersonaError invalid_argument, customer_not_found, device_not_found, payment_method_not_found,
 * stale_version
 */
export async function addRelationship(
  graph: Graph,
  header: CommandHeader,
  input: NewRelationship,
): Promise<AddedRelationship> {
  return runCommand(graph, header, 'addRelationship', input, (tx) => ADD_BY_TYPE[input.type](tx, input));
}

const ADD_BY_TYPE: Readonly<
  Record<AddableRelationship, (tx: CommandTx, ends: NewRelationship) => Promise<AddedRelationship>>
> = {
  async LOGGED_IN_FROM(tx, { source_id: customerId, target_id: deviceId, expected_version }) {
    await tx.lockCustomer(customerId);
    const [device, login] = await Promise.all([tx.lockDevice(deviceId), findLogin(tx, customerId, deviceId)]);
    requireVersion(`device ${deviceId}`, device.changed_seq, expected_version);
    if (login === undefined) recordLogin(tx, { customerId, deviceId, login }, { proven: true });
    return { added: login === undefined, version: tx.versionOf(customerId) };
  },

  async USED_ON(tx, { source_id, target_id, expected_version }) {
    const customerId = await ownerOf(tx, 'PaymentMethod', source_id);
    const [, wallet, [used]] = await Promise.all([
      tx.lockCustomer(customerId),
      openWallet(tx, customerId),
      tx.run(IS_USED, { source_id, target_id }),
    ]);
    wallet.find(source_id);
    // A method is used only on its owner's devices.
    await requireLogin(tx, customerId, target_id);
    if (expected_version !== undefined) {
      const { changed_seq } = await tx.lockDevice(target_id);
      requireVersion(`device ${target_id}`, changed_seq, expected_version);
    }
    if (used === undefined) {
      const data = { type: 'USED_ON', source_id, target_id } as const;
      tx.append({ stream: 'customer', stream_id: customerId, type: 'RelationshipAdded', data });
    }
    return { added: used === undefined, version: tx.versionOf(customerId) };
  },

  async POSSIBLY_SAME_AS(tx, { source_id, target_id, expected_version }) {
    if (source_id === target_id)
      throw validationError([{ field: 'target_id', message: 'must not be the same customer as source_id' }]);
    const [first = '', second = ''] = [source_id, target_id].sort();
    const locked = await Promise.all([tx.lockCustomer(first), tx.lockCustomer(second)]);
    const { changed_seq = 0 } = locked.find(({ id }) => id === target_id) ?? {};
    requireVersion(`the profile of customer ${target_id}`, changed_seq, expected_version);
    const [known] = await tx.run(IS_SUGGESTED, { source_id, target_id });
    if (known === undefined) {
      const data = { customer_id: target_id, score: REPORTED_SCORE, evidence: ['reported'] };
      tx.append({ stream: 'customer', stream_id: source_id, type: 'IdentityMatchSuggested', data });
    }
    return { added: known === undefined, version: tx.versionOf(source_id) };
  },
};

/** A reported match scores more than a shared device, and less than a shared identifier. */
const REPORTED_SCORE = 0.5;

const IS_USED = `
  MATCH (p:PaymentMethod {id: $source_id})
  MATCH (d:Device {id: $target_id})
  MATCH (p)-[:USED_ON]->(d)
  RETURN true AS is_used`;
// In either direction and any status: a rejected match is not suggested again.
const IS_SUGGESTED = `
  MATCH (a:Customer {id: $source_id})
  MATCH (b:Customer {id: $target_id})
  MATCH (a)-[:POSSIBLY_SAME_AS]-(b)
  RETURN true AS is_suggested LIMIT 1`;
