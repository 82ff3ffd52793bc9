import { PersonaError } from '../../domain/errors.ts';
import type { Reader } from '../graph.ts';
import { withoutNulls } from '../values.ts';

export interface Device {
  device_id: string;
  trust_score: number;
  /** RFC 3339; absent if never observed. */
  trust_observed_at?: string;
  version: number;
  changed_seq: number;
}

const DEVICE = `
  MATCH (d:Device {id: $device_id})
  RETURN d.id AS device_id, d.trust_score AS trust_score, d.trust_observed_at AS trust_observed_at,
    d.version AS version, d.changed_seq AS changed_seq`;

/** @throws PersonaError device_not_found */
export async function getDevice(reader: Reader, input: { device_id: string }): Promise<Device> {
  const [row] = await reader.read<Device>(DEVICE, input);
  if (row === undefined) throw new PersonaError('device_not_found', `there is no device ${input.device_id}`);
  return withoutNulls(row);
}
