import { isBlocked } from '../../domain/blocked-values.ts';
import { validationError } from '../../domain/errors.ts';
import type { DeviceDetails } from '../../domain/onboarding/types.ts';
import type { Policy } from '../../domain/policy.ts';
import { lockOwner, type Requester } from '../customers/lock-owner.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import { lockIdentities } from '../kernel/identity-locks.ts';
import { findLogin, recordLogin } from './logins.ts';
import { registerDevice, recordSighting } from './sightings.ts';

export interface LinkedDevice {
  device_id: string;
  /** False: the device was not known before. */
  known: boolean;
  login_count: number;
  /** The customer's. */
  version: number;
}

const DEVICE_OF = `
  UNWIND $hashes AS hash
  MATCH (d:Device {fingerprint_hash: hash})
  RETURN d.id AS device_id LIMIT 1`;

/**
 * Links a device to a customer by its fingerprint: an unknown device is registered, and the login is counted. A device
 * may be shared; other customers' edges do not change.
 * @throws PersonaError invalid_argument (a blocked fingerprint), customer_not_found, customer_suspended
 */
export async function linkDevice(
  graph: Graph,
  header: CommandHeader,
  input: {
    customer_id: string;
    device: DeviceDetails;
    by: Requester;
    policy: Pick<Policy, 'trust' | 'onboarding'>;
  },
): Promise<LinkedDevice> {
  const { customer_id, device: details, by, policy } = input;
  if (isBlocked('device_fingerprint', details.fingerprint, policy.onboarding.blockedValues))
    throw validationError([
      { field: 'device.fingerprint', message: 'must not be a placeholder or blocked value' },
    ]);
  return runCommand(graph, header, 'linkDevice', { customer_id, details, by }, async (tx) => {
    const hashes = graph.blindIndex.hashes('fingerprint', details.fingerprint);
    lockIdentities(tx, hashes);
    await lockOwner(tx, customer_id, by);
    const [known] = await tx.run<{ device_id: string }>(DEVICE_OF, { hashes });
    if (known !== undefined) return login(tx, { customer_id, device_id: known.device_id, details });
    const device_id = registerDevice(tx, details, policy);
    recordLogin(tx, { customerId: customer_id, deviceId: device_id, login: undefined }, { proven: true });
    return { device_id, known: false, login_count: 1, version: tx.versionOf(customer_id) };
  });
}

/**
 * Counts a login from a device given by its id, at the command's `occurredAt`; the first one links it.
 * @throws PersonaError customer_not_found, customer_suspended, device_not_found
 */
export async function recordDeviceLogin(
  graph: Graph,
  header: CommandHeader,
  input: { customer_id: string; device_id: string; ip?: string; user_agent?: string; by: Requester },
): Promise<LinkedDevice> {
  const { customer_id, device_id, by, ...details } = input;
  return runCommand(graph, header, 'recordDeviceLogin', input, async (tx) => {
    await lockOwner(tx, customer_id, by);
    return login(tx, { customer_id, device_id, details });
  });
}

async function login(
  tx: CommandTx,
  context: { customer_id: string; device_id: string; details: Pick<DeviceDetails, 'ip' | 'user_agent'> },
): Promise<LinkedDevice> {
  const { customer_id, device_id, details } = context;
  const [device, before] = await Promise.all([
    tx.lockDevice(device_id),
    findLogin(tx, customer_id, device_id),
  ]);
  recordSighting(tx, details, device);
  recordLogin(tx, { customerId: customer_id, deviceId: device_id, login: before }, { proven: true });
  return {
    device_id,
    known: true,
    login_count: (before?.login_count ?? 0) + 1,
    version: tx.versionOf(customer_id),
  };
}
