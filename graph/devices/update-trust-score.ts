import { validationError } from '../../domain/errors.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { CommandTx, DeviceNode } from '../kernel/command-tx.ts';
import { runCommand } from '../kernel/command.ts';
import { requireVersion } from '../kernel/expected-version.ts';
import type { Graph } from '../kernel/graph.ts';
import { toUtc } from '../kernel/values.ts';

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
  /** False: the observation is older than the current one, and nothing changed. */
  applied: boolean;
  /** The device's. */
  version: number;
  /** Number of customers who log in from it. */
  linked_customers: number;
}

const MAX_NAMED_CUSTOMERS = 25;

// Counting one type of edge of one node reads its degree, without traversing a kiosk's hundred thousand customers.
const DEVICE_CUSTOMERS = `
  MATCH (d:Device {id: $device_id})
  RETURN COUNT { (d)<-[:LOGGED_IN_FROM]-() } AS linked_customers,
    COLLECT { MATCH (d)<-[:LOGGED_IN_FROM]-(c:Customer) RETURN c.id LIMIT $named } AS customer_ids`;

/** The number of customers who log in from a device, and up to 25 of them. */
interface DeviceCustomers {
  linked_customers: number;
  customer_ids: string[];
}

/** The customers affected by a change of a locked device. */
export async function readDeviceCustomers(tx: CommandTx, deviceId: string): Promise<DeviceCustomers> {
  const [row] = await tx.run<DeviceCustomers>(DEVICE_CUSTOMERS, {
    device_id: deviceId,
    named: MAX_NAMED_CUSTOMERS,
  });
  return row ?? { linked_customers: 0, customer_ids: [] };
}

/** Whether an observation at this time is not older than the device's current one. */
export function isNewerObservation(
  device: Pick<DeviceNode, 'trust_observed_at'>,
  observedAt: string,
): boolean {
  return observedAt >= (device.trust_observed_at ?? '');
}

/** @param observation.observed_at RFC 3339 in UTC with milliseconds */
export function setTrustScore(
  tx: CommandTx,
  device: Pick<DeviceNode, 'id' | 'trust_score'>,
  { trust_score, observed_at }: { trust_score: number; observed_at: string },
  { customer_ids, linked_customers }: DeviceCustomers,
): { seq: number } {
  return tx.append({
    stream: 'device',
    stream_id: device.id,
    type: 'DeviceTrustScoreUpdated',
    data: {
      old_trust_score: device.trust_score,
      new_trust_score: trust_score,
      observed_at,
      customer_ids,
      linked_customers,
    },
  });
}

/**
 * Sets a device's trust score, unless a newer observation was applied. It appends one event to the device's stream,
 * however many customers share it.
 * @throws PersonaError invalid_argument, device_not_found, stale_version
 */
export async function updateDeviceTrustScore(
  graph: Graph,
  header: CommandHeader,
  input: TrustScoreUpdate,
): Promise<TrustScoreResult> {
  const { device_id, trust_score } = input;
  if (!(trust_score >= 0 && trust_score <= 1)) {
    throw validationError([{ field: 'trust_score', message: 'must be between 0 and 1' }]);
  }
  const observed_at = toUtc(input.observed_at);
  return runCommand(graph, header, 'updateDeviceTrustScore', { ...input }, async (tx) => {
    const [device, deviceCustomers] = await Promise.all([
      tx.lockDevice(device_id),
      readDeviceCustomers(tx, device_id),
    ]);
    requireVersion(`device ${device_id}`, device.changed_seq, input.expected_version);
    if (!isNewerObservation(device, observed_at)) {
      const { trust_score: score, trust_observed_at, changed_seq, version } = device;
      return {
        device: { device_id, trust_score: score, trust_observed_at, changed_seq },
        applied: false,
        version,
        linked_customers: deviceCustomers.linked_customers,
      };
    }
    const { seq } = setTrustScore(tx, device, { trust_score, observed_at }, deviceCustomers);
    return {
      device: { device_id, trust_score, trust_observed_at: observed_at, changed_seq: seq },
      applied: true,
      version: seq,
      linked_customers: deviceCustomers.linked_customers,
    };
  });
}
