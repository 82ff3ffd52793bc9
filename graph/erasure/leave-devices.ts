import type { Graph } from '../kernel/graph.ts';
import { sendIdentityLocks } from '../kernel/identity-locks.ts';
import type { Reader, Sender } from '../kernel/reader.ts';
import { runTransaction } from '../kernel/run-transaction.ts';
import { addErasedId } from './erased-ids.ts';
import type { ForgottenCustomer } from './forgotten-customer.ts';

/** Events of one transaction. */
const BATCH = 1_000;

const NEXT = `
  MATCH (:Customer {id: $customer_id})-[:LOGGED_IN_FROM]->(d:Device)
  RETURN d.id AS device_id, d.fingerprint_hash AS fingerprint_hash LIMIT 1`;
const LOCK = `
  MATCH (d:Device {id: $device_id})
  SET d.locked = true
  REMOVE d.locked
  RETURN EXISTS { MATCH (d)<-[:LOGGED_IN_FROM]-(other:Customer) WHERE other.id <> $customer_id } AS shared`;
// Of a shared device its stream stays, without this customer's id.
const LEAVE = `
  MATCH (c:Customer {id: $customer_id})-[login:LOGGED_IN_FROM]->(d:Device {id: $device_id})
  DELETE login
  WITH DISTINCT c, d
  OPTIONAL MATCH (c)-[:HAS_PAYMENT_METHOD]->(:PaymentMethod)-[used:USED_ON]->(d)
  DELETE used
  WITH DISTINCT d
  MATCH (e:PersonaEvent {stream_id: d.id})
  WHERE e.seq > 0 AND e.type = 'DeviceTrustScoreUpdated' AND e.data CONTAINS $customer_id
  SET e.data = replace(e.data, $customer_id, $pseudonym)`;
const DELETE_DEVICE = `
  MATCH (d:Device {id: $device_id})
  DETACH DELETE d
  WITH count(*) AS deleted
  MATCH (e:Erasure {id: $erasure_id})
  SET e.streams = coalesce(e.streams, []) + $device_id`;
const NEXT_STREAM = `
  MATCH (e:Erasure {id: $erasure_id}) WHERE size(e.streams) > 0
  RETURN e.streams[0] AS device_id`;
const DELETE_EVENTS = `
  MATCH (e:PersonaEvent {stream_id: $device_id}) WHERE e.seq > 0
  WITH e LIMIT $limit
  DELETE e
  RETURN count(*) AS deleted`;
const DELETE_RECEIPTS = 'MATCH (r:CommandReceipt {stream_id: $device_id}) DELETE r';
const FORGET_STREAM = `
  MATCH (e:Erasure {id: $erasure_id})
  SET e.streams = [id IN e.streams WHERE id <> $device_id]`;

/**
 * Takes a customer's edges from devices. A device without other users goes with its key and its stream; while no process can
 * find it any more, its events are deleted batch by batch.
 * @throws PersonaError erasure_not_configured, graph_unavailable
 */
export async function leaveDevices(
  graph: Graph,
  { erasure_id, customer_id, pseudonym }: ForgottenCustomer,
  onProgress: () => void,
): Promise<void> {
  for (; ; onProgress()) {
    const [next] = await graph.read<{ device_id: string; fingerprint_hash: string }>(NEXT, { customer_id });
    if (next === undefined) break;
    const { device_id, fingerprint_hash } = next;
    await runTransaction(graph, async (statements: Reader & Sender) => {
      // An onboarding that has found the device by its fingerprint keeps it until it has linked it.
      sendIdentityLocks(statements, [fingerprint_hash]);
      const [device] = await statements.read<{ shared: boolean }>(LOCK, { device_id, customer_id });
      if (device === undefined) return;
      if (device.shared) {
        statements.send(LEAVE, { customer_id, device_id, pseudonym });
        return;
      }
      graph.keyStore.destroy(statements, { label: 'DeviceKey', id: device_id });
      addErasedId(graph, statements, device_id, new Date(graph.now()).toISOString());
      statements.send(DELETE_DEVICE, { device_id, erasure_id });
    });
  }
  for (;;) {
    const [stream] = await graph.read<{ device_id: string }>(NEXT_STREAM, { erasure_id });
    if (stream === undefined) return;
    const { device_id } = stream;
    for (let deleted = BATCH; deleted === BATCH; onProgress()) {
      const [row] = await runTransaction(graph, ({ read }) =>
        read<{ deleted: number }>(DELETE_EVENTS, { device_id, limit: BATCH }),
      );
      deleted = row?.deleted ?? 0;
    }
    await runTransaction(graph, async ({ send }) => {
      send(DELETE_RECEIPTS, { device_id });
      send(FORGET_STREAM, { erasure_id, device_id });
    });
  }
}
