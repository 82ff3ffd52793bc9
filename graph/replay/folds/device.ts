import type { Sealed } from '../../../domain/events.ts';
import type { DataKey } from '../../../security/data-key.ts';
import { BlindValue, nodeRef } from '../model.ts';
import { type Folds, utcTime } from './fold.ts';

export const deviceFolds: Folds<'DeviceRegistered' | 'DeviceSeen' | 'DeviceTrustScoreUpdated'> = {
  DeviceRegistered(model, { stream_id: id, seq, occurred_at, recorded_at, data }, { key, blindIndex }) {
    const fingerprint = key.open(data.fingerprint, 'Device', id, 'fingerprint');
    model.createNode(nodeRef('Device', id), {
      id,
      fingerprint: data.fingerprint,
      fingerprint_hash: new BlindValue(blindIndex, 'fingerprint', fingerprint),
      trust_score: data.trust_score,
      trust_observed_at: utcTime(data.trust_observed_at),
      last_seen_ip: data.last_seen_ip,
      last_seen_user_agent: openUserAgent(data.last_seen_user_agent, id, key),
      last_seen_at: utcTime(occurred_at),
      changed_seq: seq,
      created_at: utcTime(recorded_at),
      updated_at: utcTime(recorded_at),
    });
  },

  DeviceSeen(model, { stream_id: id, occurred_at, recorded_at, data }, { key }) {
    const device = model.node(nodeRef('Device', id));
    if (!device) return;
    device.last_seen_ip = data.last_seen_ip;
    device.last_seen_user_agent = openUserAgent(data.last_seen_user_agent, id, key);
    device.last_seen_at = utcTime(occurred_at);
    device.updated_at = utcTime(recorded_at);
  },

  DeviceTrustScoreUpdated(model, { stream_id: id, seq, recorded_at, data }) {
    const device = model.node(nodeRef('Device', id));
    if (!device) return;
    device.trust_score = data.new_trust_score;
    device.trust_observed_at = utcTime(data.observed_at);
    device.changed_seq = seq;
    device.updated_at = utcTime(recorded_at);
  },
};

function openUserAgent(sealed: Sealed | null, id: string, key: DataKey): string | null {
  return sealed && key.open(sealed, 'Device', id, 'last_seen_user_agent');
}
