import { v7 as uuidv7 } from 'uuid';
import type { DeviceDetails } from '../../domain/onboarding-types.ts';
import type { Policy } from '../../domain/policy.ts';
import type { CommandTx } from '../command-tx.ts';

/** Starts a device's stream. @returns its id */
export function registerDevice(tx: CommandTx, details: DeviceDetails, policy: Pick<Policy, 'trust'>): string {
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
      ...sealSighting(tx, id, details),
    },
  });
  return id;
}

/** Records the IP address and user agent of a locked device; an older sighting than the last changes nothing. */
export function recordSighting(
  tx: CommandTx,
  details: Pick<DeviceDetails, 'ip' | 'user_agent'>,
  device: { id: string; last_seen_at: string },
): void {
  const isEmpty = details.ip === undefined && details.user_agent === undefined;
  if (isEmpty || tx.header.occurredAt < device.last_seen_at) return;
  tx.append({
    stream: 'device',
    stream_id: device.id,
    type: 'DeviceSeen',
    data: sealSighting(tx, device.id, details),
  });
}

function sealSighting(
  tx: CommandTx,
  id: string,
  { ip, user_agent }: Pick<DeviceDetails, 'ip' | 'user_agent'>,
) {
  const key = tx.keyOf(id);
  return {
    last_seen_ip: ip === undefined ? null : key.seal(ip, 'Device', id, 'last_seen_ip'),
    last_seen_user_agent:
      user_agent === undefined ? null : key.seal(user_agent, 'Device', id, 'last_seen_user_agent'),
  };
}
