import { RELATIONSHIP_ENDS, type RelationshipType } from '../relationships.ts';
import type { RecordedEvent } from './event.ts';

/**
 * The streams, besides its own, whose nodes an event's projection leads to: devices, and customers who may be the same
 * person. Devices refer to no other stream.
 */
export function referencesOf({ stream, data }: Pick<RecordedEvent, 'stream' | 'data'>): string[] {
  if (stream !== 'customer') return [];
  const { device_id, customer_id, type, target_id } = data as Readonly<Record<string, unknown>>;
  const ends = typeof type === 'string' ? RELATIONSHIP_ENDS[type as RelationshipType] : undefined;
  return [device_id, customer_id, ends?.[1] === 'Device' ? target_id : undefined].filter(
    (id) => typeof id === 'string',
  );
}
