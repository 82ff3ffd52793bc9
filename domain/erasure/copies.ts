/** How long copies that nothing can delete may outlive an erasure (docs/privacy.md, 'What an operator must configure'). */

import type { TopicSettings } from '../outbox/topics.ts';

export const MAX_COPY_DAYS = 30;
const DAY_MS = 24 * 3_600_000;

/**
 * The settings by which a topic keeps a record, or a deleted key, for longer than that.
 * @param settings all that are in effect at the brokers, in milliseconds
 * @returns their names
 */
export function settingsThatKeep(settings: TopicSettings): string[] {
  const policies = (settings['cleanup.policy'] ?? '').split(',');
  // What is deleted by its age needs no compaction. Otherwise an earlier record of a key stays until it is compacted, and the
  // tombstone, which has the key, for as long again.
  const limits = policies.includes('delete')
    ? ['retention.ms']
    : ['max.compaction.lag.ms', 'delete.retention.ms'];
  return limits.filter((name) => {
    const ms = Number(settings[name] ?? -1);
    return ms < 0 || ms > MAX_COPY_DAYS * DAY_MS;
  });
}
