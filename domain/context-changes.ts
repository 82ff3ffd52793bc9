/** Which customers' contexts a command has changed, so that cached ones are discarded. */

import type { RecordedEvent } from './events/event.ts';
import type { ContextChange } from './ports.ts';

/**
 * A device that more customers share than its event names (25) changes the contexts of the others as well: those age until
 * `context.maxStalenessMs`.
 */
export function contextChanges(events: readonly RecordedEvent[]): ContextChange[] {
  const versions = new Map<string, number>();
  const byDevice = new Set<string>();
  for (const event of events) {
    if (event.stream === 'customer')
      versions.set(event.stream_id, Math.max(event.seq, versions.get(event.stream_id) ?? 0));
    if (isTrustUpdate(event)) for (const customer_id of event.data.customer_ids) byDevice.add(customer_id);
  }
  return [
    ...[...versions].map(([customer_id, version]) => ({ customer_id, version })),
    ...[...byDevice].map((customer_id) => ({ customer_id })),
  ];
}

function isTrustUpdate(event: RecordedEvent): event is RecordedEvent<'DeviceTrustScoreUpdated'> {
  return event.type === 'DeviceTrustScoreUpdated';
}
