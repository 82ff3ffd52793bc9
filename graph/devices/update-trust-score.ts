import { invalid, PersonaError } from '../../domain/errors.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { Graph } from '../graph.ts';
import { toUtc } from '../values.ts';

export interface TrustScoreUpdate {
  device_id: string;
  /** 0 to 1. */
  trust_score: number;
  /** RFC 3339. */
  observed_at: string;
  /** The device's `changed_seq`, if it must not have changed since. */
  expected_version?: number;
}

export interface TrustScoreResult {
  device: { device_id: string; trust_score: number; trust_observed_at?: string; changed_seq: number };
  /** False: an older observation, and nothing changed. */
  applied: boolean;
  /** The device's. */
  version: number;
  /** How many customers log in from it. */
  linked_customers: number;
  /** Up to 25 of them, those whom the change concerns first hand. */
  customer_ids: string[];
}

const NAMED_CUSTOMERS = 25;

// Counting one kind of edge of one node reads its degree; a kiosk's hundred thousand customers are not walked.
const DEVICE = `
  MATCH (d:Device {id: $device_id})
  RETURN d.changed_seq AS changed_seq, COUNT { (d)<-[:LOGGED_IN_FROM]-() } AS linked_customers,
    COLLECT { MATCH (d)<-[:LOGGED_IN_FROM]-(c:Customer) RETURN c.id LIMIT $named } AS customer_ids`;

/**
 * Sets a device's trust score, unless a newer observation has been seen. One event in the device's stream, however
 * many customers share it.
 * @throws PersonaError invalid_argument, device_not_found, stale_version
 */
export async function updateDeviceTrustScore(
  graph: Graph,
  header: CommandHeader,
  input: TrustScoreUpdate,
): Promise<TrustScoreResult> {
  const { device_id, trust_score } = input;
  if (!(trust_score >= 0 && trust_score <= 1)) {
    throw invalid([{ field: 'trust_score', message: 'must be between 0 and 1' }]);
  }
  const observed_at = toUtc(input.observed_at);
  return runCommand(graph, header, 'updateDeviceTrustScore', { ...input }, async (tx) => {
    const [device, [row]] = await Promise.all([
      tx.lockDevice(device_id),
      tx.run<{ changed_seq: number; linked_customers: number; customer_ids: string[] }>(DEVICE, {
        device_id,
        named: NAMED_CUSTOMERS,
      }),
    ]);
    const { changed_seq = 0, linked_customers = 0, customer_ids = [] } = row ?? {};
    if (input.expected_version !== undefined && input.expected_version !== changed_seq) {
      throw new PersonaError(
        'stale_version',
        `device ${device_id} has changed: its version is ${changed_seq}, not ${input.expected_version}`,
      );
    }
    const newest = device.trust_observed_at ?? '';
    if (observed_at < newest) {
      const { trust_score: score, trust_observed_at } = device;
      return {
        device: { device_id, trust_score: score, trust_observed_at, changed_seq },
        applied: false,
        version: device.version,
        linked_customers,
        customer_ids,
      };
    }
    const { seq } = tx.append({
      stream: 'device',
      stream_id: device_id,
      type: 'DeviceTrustScoreUpdated',
      data: {
        old_trust_score: device.trust_score,
        new_trust_score: trust_score,
        observed_at,
        customer_ids,
        linked_customers,
      },
    });
    return {
      device: { device_id, trust_score, trust_observed_at: observed_at, changed_seq: seq },
      applied: true,
      version: seq,
      linked_customers,
      customer_ids,
    };
  });
}
