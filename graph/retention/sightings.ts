/** From where devices were last seen, of those that were not seen for long. */

import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import type { Reader } from '../kernel/reader.ts';
import { retentionHeader } from './header.ts';
import { type Due, type Page, pageParameters, toDue } from './page.ts';
import { redact, type StoredData } from './redact.ts';

/** Events of one transaction. */
const BATCH = 1_000;
const FIELDS = ['last_seen_ip', 'last_seen_user_agent'];

const FIND = `
  MATCH (d:Device) WHERE d.id > $after
  WITH d ORDER BY d.id LIMIT $limit
  RETURN count(d) AS read, max(d.id) AS last, collect(
    CASE WHEN d.last_seen_at < datetime($before)
      AND (d.last_seen_ip IS NOT NULL OR d.last_seen_user_agent IS NOT NULL) THEN d.id END
  ) AS due`;
const HAS_SIGHTING = `
  MATCH (d:Device {id: $id})
  RETURN d.last_seen_ip IS NOT NULL OR d.last_seen_user_agent IS NOT NULL AS found`;
const NEXT_EVENTS = `
  MATCH (e:PersonaEvent {stream_id: $id}) WHERE e.seq > $after
    AND e.type IN ['DeviceRegistered', 'DeviceSeen']
    AND (e.data CONTAINS '"last_seen_ip":"' OR e.data CONTAINS '"last_seen_user_agent":"')
  WITH e ORDER BY e.seq LIMIT $limit
  RETURN e.id AS id, e.seq AS seq, e.data AS data`;

/** The devices of a page whose last sighting is due. @throws PersonaError graph_unavailable */
export async function findOldSightings(reader: Reader, page: Page): Promise<Due<string>> {
  return toDue(await reader.read(FIND, pageParameters(page)), page);
}

/**
 * Removes the IP address and the user agent of a device's sightings, from its node and from its events: all are older than
 * the last one. The last ones go together with the node's, so that graph and log agree after each transaction.
 * @param input.before epoch milliseconds
 * @returns `false`: the device was seen again, or it has been done
 * @throws PersonaError device_not_found, graph_unavailable
 */
export async function forgetSighting(
  graph: Graph,
  { device_id, before }: { device_id: string; before: number },
): Promise<boolean> {
  for (let after = 0; ; ) {
    const result = await forgetBatch(graph, { device_id, before, after });
    if (typeof result === 'boolean') return result;
    ({ after } = result);
  }
}

function forgetBatch(
  graph: Graph,
  { device_id: id, before, after }: { device_id: string; before: number; after: number },
): Promise<boolean | { after: number }> {
  const header = retentionHeader(`sighting:${id}:${after}`, graph.now());
  return runCommand(graph, header, 'forgetSighting', { id, after }, async (tx) => {
    // What is left to do is in the graph.
    tx.discardReceipt();
    const device = await tx.lockDevice(id);
    const [sighting] = await tx.run<{ found: boolean }>(HAS_SIGHTING, { id });
    if (!sighting?.found || Date.parse(device.last_seen_at) >= before) return false;
    const events = await tx.run<StoredData>(NEXT_EVENTS, { id, after, limit: BATCH + 1 });
    const batch = events.slice(0, BATCH);
    redact(tx, batch, FIELDS);
    const last = batch.at(-1);
    if (events.length > BATCH && last !== undefined) return { after: last.seq };
    tx.append({ stream: 'device', stream_id: id, type: 'DeviceSightingForgotten', data: {} });
    return true;
  });
}
