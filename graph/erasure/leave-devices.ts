import type { Graph } from '../kernel/graph.ts';
import { sendIdentityLocks } from '../kernel/identity-locks.ts';
import type { Reader, Sender } from '../kernel/reader.ts';
import { runTransaction } from '../kernel/run-transaction.ts';
import { addErasedId } from './erased-ids.ts';
import type { ForgottenCustomer } from './forgotten-customer.ts';

/** Events of one transaction. */
const BATCH = 1_000;

const NEXT_LINKED = `
  MATCH (:Customer {id: $customer_id})-[:LOGGED_IN_FROM]->(d:Device)
  RETURN d.id AS device_id LIMIT 1`;
// A device that was unlinked since still names the customer in its stream, and one that only a method was used on has no link.
const EVER_USED = `
  MATCH (e:PersonaEvent {stream_id: $customer_id})
  WHERE e.seq > $after AND e.type IN ['DeviceLinked', 'PaymentMethodAdded', 'RelationshipAdded']
  RETURN e.seq AS seq, e.data AS data ORDER BY e.seq LIMIT $limit`;
const FINGERPRINT = 'MATCH (d:Device {id: $device_id}) RETURN d.fingerprint_hash AS fingerprint_hash';
const LOCK = `
  MATCH (d:Device {id: $device_id})
  SET d.locked = true
  REMOVE d.locked
  RETURN EXISTS { MATCH (d)<-[:LOGGED_IN_FROM]-(other:Customer) WHERE other.id <> $customer_id }
    OR EXISTS {
      MATCH (d)<-[:USED_ON]-(:PaymentMethod)<-[:HAS_PAYMENT_METHOD]-(other:Customer) WHERE other.id <> $customer_id
    } AS shared`;
const LEAVE = `
  MATCH (c:Customer {id: $customer_id})
  MATCH (d:Device {id: $device_id})
  OPTIONAL MATCH (c)-[login:LOGGED_IN_FROM]->(d)
  DELETE login
  WITH DISTINCT c, d
  OPTIONAL MATCH (c)-[:HAS_PAYMENT_METHOD]->(:PaymentMethod)-[used:USED_ON]->(d)
  DELETE used`;
// Of a shared device its stream stays, without this customer's id.
const RENAME = `
  MATCH (e:PersonaEvent {stream_id: $device_id})
  WHERE e.seq > $after AND e.type = 'DeviceTrustScoreUpdated' AND e.data CONTAINS $customer_id
  WITH e ORDER BY e.seq LIMIT $limit
  SET e.data = replace(e.data, $customer_id, $pseudonym)
  RETURN max(e.seq) AS last`;
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

type Progress = () => void;

/**
 * Takes a customer's edges from devices. A device without other users goes with its key and its stream; while no process can
 * find it any more, its events are deleted batch by batch.
 * @throws PersonaError erasure_not_configured, graph_unavailable
 */
export async function leaveDevices(
  graph: Graph,
  forgotten: ForgottenCustomer,
  onProgress: Progress,
): Promise<void> {
  const { customer_id } = forgotten;
  for (; ; onProgress()) {
    const [next] = await graph.read<{ device_id: string }>(NEXT_LINKED, { customer_id });
    if (next === undefined) break;
    await leaveDevice(graph, forgotten, next.device_id, onProgress);
  }
  for (let after = 0; ; ) {
    const rows = await graph.read<{ seq: number; data: string }>(EVER_USED, {
      ...{ customer_id, after, limit: BATCH },
    });
    for (const device_id of new Set(rows.flatMap(({ data }) => devicesOf(data)))) {
      await leaveDevice(graph, forgotten, device_id, onProgress);
      onProgress();
    }
    const last = rows.at(-1);
    if (last === undefined) break;
    after = last.seq;
  }
  // Of a run that ended between a device and its stream.
  await deleteStreams(graph, forgotten, onProgress);
}

function devicesOf(data: string): string[] {
  const { device_id, target_id } = JSON.parse(data) as Record<string, unknown>;
  return [device_id, target_id].filter((id) => typeof id === 'string');
}

async function leaveDevice(
  graph: Graph,
  { erasure_id, customer_id, pseudonym }: ForgottenCustomer,
  device_id: string,
  onProgress: Progress,
): Promise<void> {
  const [found] = await graph.read<{ fingerprint_hash: string }>(FINGERPRINT, { device_id });
  if (found === undefined) return;
  const isShared = await runTransaction(graph, async (statements: Reader & Sender) => {
    // An onboarding that has found the device by its fingerprint keeps it until it has linked it.
    sendIdentityLocks(statements, [found.fingerprint_hash]);
    const [device] = await statements.read<{ shared: boolean }>(LOCK, { device_id, customer_id });
    if (device === undefined) return false;
    if (device.shared) {
      statements.send(LEAVE, { customer_id, device_id });
      return true;
    }
    graph.keyStore.destroy(statements, { label: 'DeviceKey', id: device_id });
    addErasedId(graph, statements, device_id, new Date(graph.now()).toISOString());
    statements.send(DELETE_DEVICE, { device_id, erasure_id });
    return false;
  });
  // At once: someone who changed devices with every login has thousands, and the list would be written with each.
  if (!isShared) await deleteStreams(graph, { erasure_id }, onProgress);
  // From now on no event of the device can name the customer. After a crash the customer's own stream leads here again.
  for (let after = 0; isShared; onProgress()) {
    const [row] = await runTransaction(graph, ({ read }) =>
      read<{ last: number | null }>(RENAME, { customer_id, device_id, pseudonym, after, limit: BATCH }),
    );
    if (row?.last == null) return;
    after = row.last;
  }
}

async function deleteStreams(
  graph: Graph,
  { erasure_id }: Pick<ForgottenCustomer, 'erasure_id'>,
  onProgress: Progress,
): Promise<void> {
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
