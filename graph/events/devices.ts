import type { DeviceEvents } from '../../domain/events/devices.ts';
import type { Sealed } from '../../domain/events/sealed.ts';
import type { DataKey } from '../../security/data-key.ts';
import { utcTime, type Effects } from './effect.ts';
import { BlindValue, nodeRef } from './model.ts';

export const deviceEffects: Effects<DeviceEvents> = {
  DeviceRegistered: {
    cypher: `
      CREATE (d:Device {
        id: $stream_id, fingerprint: $data.fingerprint, fingerprint_hash: $fingerprint_hash,
        trust_score: toFloat($data.trust_score), trust_observed_at: datetime($data.trust_observed_at),
        last_seen_ip: $data.last_seen_ip, last_seen_user_agent: $last_seen_user_agent,
        last_seen_at: datetime($occurred_at), version: $seq, changed_seq: $seq,
        created_at: datetime($recorded_at), updated_at: datetime($recorded_at)
      })`,
    derived: ({ data, stream_id }, { key, blindIndex }) => ({
      fingerprint_hash: blindIndex.hash(
        'fingerprint',
        key.open(data.fingerprint, 'Device', stream_id, 'fingerprint'),
      ),
      last_seen_user_agent: openUserAgent(data.last_seen_user_agent, stream_id, key),
    }),
    fold(model, { stream_id: id, seq, occurred_at, recorded_at, data }, { key, blindIndex }) {
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
  },

  DeviceSeen: {
    cypher: `
      MATCH (d:Device {id: $stream_id})
      SET d.last_seen_ip = $data.last_seen_ip, d.last_seen_user_agent = $last_seen_user_agent,
        d.last_seen_at = datetime($occurred_at), d.updated_at = datetime($recorded_at)`,
    derived: ({ data, stream_id }, { key }) => ({
      last_seen_user_agent: openUserAgent(data.last_seen_user_agent, stream_id, key),
    }),
    fold(model, { stream_id: id, occurred_at, recorded_at, data }, { key }) {
      const device = model.node(nodeRef('Device', id));
      if (!device) return;
      device.last_seen_ip = data.last_seen_ip;
      device.last_seen_user_agent = openUserAgent(data.last_seen_user_agent, id, key);
      device.last_seen_at = utcTime(occurred_at);
      device.updated_at = utcTime(recorded_at);
    },
  },

  DeviceSightingForgotten: {
    cypher: `
      MATCH (d:Device {id: $stream_id})
      SET d.last_seen_ip = null, d.last_seen_user_agent = null, d.updated_at = datetime($recorded_at)`,
    fold(model, { stream_id, recorded_at }) {
      const forgotten = { last_seen_ip: null, last_seen_user_agent: null };
      const device = model.node(nodeRef('Device', stream_id));
      if (device) Object.assign(device, forgotten, { updated_at: utcTime(recorded_at) });
    },
  },

  DeviceTrustScoreUpdated: {
    cypher: `
      MATCH (d:Device {id: $stream_id})
      SET d.trust_score = toFloat($data.new_trust_score), d.trust_observed_at = datetime($data.observed_at),
        d.changed_seq = $seq, d.updated_at = datetime($recorded_at)`,
    fold(model, { stream_id: id, seq, recorded_at, data }) {
      const device = model.node(nodeRef('Device', id));
      if (!device) return;
      device.trust_score = data.new_trust_score;
      device.trust_observed_at = utcTime(data.observed_at);
      device.changed_seq = seq;
      device.updated_at = utcTime(recorded_at);
    },
  },
};

function openUserAgent(sealed: Sealed | null, deviceId: string, key: DataKey): string | null {
  return sealed === null ? null : key.open(sealed, 'Device', deviceId, 'last_seen_user_agent');
}
