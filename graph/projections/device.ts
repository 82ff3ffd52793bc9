import type { Sealed } from '../../domain/events.ts';
import type { DataKey } from '../../security/data-key.ts';
import type { Projections } from '../kernel/projection.ts';

type DeviceEventType = 'DeviceRegistered' | 'DeviceSeen' | 'DeviceTrustScoreUpdated';

export const deviceProjections: Projections<DeviceEventType> = {
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
  },

  DeviceSeen: {
    cypher: `
      MATCH (d:Device {id: $stream_id})
      SET d.last_seen_ip = $data.last_seen_ip, d.last_seen_user_agent = $last_seen_user_agent,
        d.last_seen_at = datetime($occurred_at), d.updated_at = datetime($recorded_at)`,
    derived: ({ data, stream_id }, { key }) => ({
      last_seen_user_agent: openUserAgent(data.last_seen_user_agent, stream_id, key),
    }),
  },

  DeviceTrustScoreUpdated: {
    cypher: `
      MATCH (d:Device {id: $stream_id})
      SET d.trust_score = toFloat($data.new_trust_score), d.trust_observed_at = datetime($data.observed_at),
        d.changed_seq = $seq, d.updated_at = datetime($recorded_at)`,
  },
};

function openUserAgent(sealed: Sealed | null, deviceId: string, key: DataKey): string | null {
  return sealed === null ? null : key.open(sealed, 'Device', deviceId, 'last_seen_user_agent');
}
