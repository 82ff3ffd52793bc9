import type { Policy } from '../../domain/policy.ts';
import type { Recognition } from '../../domain/recognition.ts';
import type { CommandTx } from '../command-tx.ts';
import { recordLogin } from '../devices/logins.ts';
import { registerDevice, recordSighting } from '../devices/sightings.ts';
import type { IncomingRequest } from './incoming-request.ts';
import type { KnownState } from './known-state.ts';

/**
 * The device in its own stream, and this customer's login in the customer's.
 * @returns the device's id; null: none came, or one that identifies nobody
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
