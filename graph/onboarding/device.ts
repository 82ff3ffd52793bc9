import { v7 as uuidv7 } from 'uuid';
import type { DeviceDetails } from '../../domain/onboarding-types.ts';
import type { Policy } from '../../domain/policy.ts';
import type { Recognition } from '../../domain/recognition.ts';
import type { CommandTx } from '../command-tx.ts';
import type { Incoming } from './incoming.ts';
import type { Known } from './known.ts';

/**
 * The device in its own stream, and this customer's login in the customer's.
 * @returns the device's id; null: none came, or one that identifies nobody
 */
export function writeDevice(
  tx: CommandTx,
  scene: { customerId: string; incoming: Incoming; known: Known; recognition: Recognition; policy: Policy },
): string | null {
  const { customerId, incoming, known, recognition, policy } = scene;
  if (incoming.device === undefined) return null;
  const { details } = incoming.device;
  const deviceId = known.device?.id ?? register(tx, details, policy);
  if (known.device !== undefined) see(tx, details, known.device);
  recordLogin(tx, { customerId, deviceId, recognition, login: known.login });
  return deviceId;
}

function register(tx: CommandTx, details: DeviceDetails, policy: Policy): string {
  const id = uuidv7();
  tx.beginStream('device', id);
  tx.append({
    stream: 'device',
    stream_id: id,
    type: 'DeviceRegistered',
    data: {
      fingerprint: tx.keyOf(id).seal(details.fingerprint, 'Device', id, 'fingerprint'),
      trust_score: details.trust_score ?? policy.trust.initial,
      trust_observed_at: details.trust_score === undefined ? null : tx.header.occurredAt,
      ...sealedSight(tx, id, details),
    },
  });
  return id;
}

/** Where and with what it was seen last; an older sight changes nothing. */
function see(tx: CommandTx, details: DeviceDetails, device: { id: string; last_seen_at: string }): void {
  const saysNothing = details.ip === undefined && details.user_agent === undefined;
  if (saysNothing || tx.header.occurredAt < device.last_seen_at) return;
  tx.append({
    stream: 'device',
    stream_id: device.id,
    type: 'DeviceSeen',
    data: sealedSight(tx, device.id, details),
  });
}

function sealedSight(tx: CommandTx, id: string, { ip, user_agent }: DeviceDetails) {
  const key = tx.keyOf(id);
  return {
    last_seen_ip: ip === undefined ? null : key.seal(ip, 'Device', id, 'last_seen_ip'),
    last_seen_user_agent:
      user_agent === undefined ? null : key.seal(user_agent, 'Device', id, 'last_seen_user_agent'),
  };
}

function recordLogin(
  tx: CommandTx,
  scene: { customerId: string; deviceId: string; recognition: Recognition; login: Known['login'] },
): void {
  const { customerId, deviceId, recognition, login } = scene;
  const stream = { stream: 'customer', stream_id: customerId } as const;
  const { occurredAt } = tx.header;
  if (login === undefined) {
    const awaits_identifier_id = recognition.awaits_identifier_id ?? null;
    const data = { device_id: deviceId, proven: recognition.proven, awaits_identifier_id };
    tx.append({ ...stream, type: 'DeviceLinked', data });
    return;
  }
  const data = {
    device_id: deviceId,
    login_count: login.login_count + 1,
    last_login: occurredAt > login.last_login ? occurredAt : login.last_login,
    proven: login.proven || recognition.proven,
  };
  tx.append({ ...stream, type: 'LoginRecorded', data });
}
