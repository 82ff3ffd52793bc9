import type { Policy } from '../../domain/policy.ts';
import type { Recognition } from '../../domain/recognition.ts';
import type { CommandTx } from '../command-tx.ts';
import { recordLogin } from '../devices/logins.ts';
import { registerDevice, recordSighting } from '../devices/sightings.ts';
import type { IncomingRequest } from './incoming-request.ts';
import type { KnownState } from './known-state.ts';

/**
 * Writes the device to its own stream, and this customer's login to the customer's stream.
 * @returns the device's id; null: the request has none, or its fingerprint is blocked
 */
export function writeDevice(
  tx: CommandTx,
  context: {
    customerId: string;
    incoming: IncomingRequest;
    known: KnownState;
    recognition: Recognition;
    policy: Policy;
  },
): string | null {
  const { customerId, incoming, known, recognition, policy } = context;
  if (incoming.device === undefined) return null;
  const { details } = incoming.device;
  const deviceId = known.device?.id ?? registerDevice(tx, details, policy);
  if (known.device !== undefined) recordSighting(tx, details, known.device);
  recordLogin(
    tx,
    { customerId, deviceId, login: known.login },
    { proven: recognition.proven, awaitsIdentifierId: recognition.awaits_identifier_id },
  );
  return deviceId;
}
