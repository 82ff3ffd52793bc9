import { validationError } from '../../domain/errors.ts';
import type { AddableRelationship } from '../../domain/relationships.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { CommandTx } from '../command-tx.ts';
import { findLogin, recordLogin, requireLogin } from '../devices/logins.ts';
import type { Graph } from '../graph.ts';
import { openWallet } from '../wallet/wallet.ts';
import { ownerOf } from './owners.ts';

/** An edge, identified by its ends: edges have no id. */
export interface NewRelationship {
  source_id: string;
  type: AddableRelationship;
  target_id: string;
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
 * @throws PersonaError invalid_argument, customer_not_found, device_not_found, payment_method_not_found
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
  async LOGGED_IN_FROM(tx, { source_id: customerId, target_id: deviceId }) {
    await tx.lockCustomer(customerId);
    const [, login] = await Promise.all([tx.lockDevice(deviceId), findLogin(tx, customerId, deviceId)]);
    if (login === undefined) recordLogin(tx, { customerId, deviceId, login }, { proven: true });
    return { added: login === undefined, version: tx.versionOf(customerId) };
  },

  async USED_ON(tx, { source_id, target_id }) {
    const customerId = await ownerOf(tx, 'PaymentMethod', source_id);
    const [, wallet, [used]] = await Promise.all([
      tx.lockCustomer(customerId),
      openWallet(tx, customerId),
      tx.run(IS_USED, { source_id, target_id }),
    ]);
    wallet.find(source_id);
    // A method is used only on its owner's devices.
    await requireLogin(tx, customerId, target_id);
    if (used === undefined) {
      const data = { type: 'USED_ON', source_id, target_id } as const;
      tx.append({ stream: 'customer', stream_id: customerId, type: 'RelationshipAdded', data });
    }
    return { added: used === undefined, version: tx.versionOf(customerId) };
  },

  async POSSIBLY_SAME_AS(tx, { source_id, target_id }) {
    if (source_id === target_id)
      throw validationError([{ field: 'target_id', message: 'must not be the same customer as source_id' }]);
    const [first = '', second = ''] = [source_id, target_id].sort();
    await Promise.all([tx.lockCustomer(first), tx.lockCustomer(second)]);
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
