import { expect, test } from 'vitest';
import { DEAD_LETTER_SETTINGS, INBOUND_SETTINGS } from '../inbound/topics.ts';
import { Topic, TOPIC_SETTINGS } from '../outbox/topics.ts';
import { settingsThatKeep } from './copies.ts';

const DAY_MS = 24 * 3_600_000;
const days = (count: number) => String(count * DAY_MS);

test('topics as Persona creates them keep nothing for longer than 30 days, except the log', () => {
  const kept = Object.entries(TOPIC_SETTINGS).filter(([, settings]) => settingsThatKeep(settings).length > 0);
  expect(kept.map(([topic]) => topic)).toEqual([Topic.log]);
  for (const settings of [DEAD_LETTER_SETTINGS, INBOUND_SETTINGS])
    expect(settingsThatKeep(settings)).toEqual([]);
});

test.each([
  ['deleted by age, in time', { 'cleanup.policy': 'delete', 'retention.ms': days(30) }, []],
  ['deleted by age, too late', { 'cleanup.policy': 'delete', 'retention.ms': days(31) }, ['retention.ms']],
  ['never deleted', { 'cleanup.policy': 'delete', 'retention.ms': '-1' }, ['retention.ms']],
  [
    'compacted whenever Kafka chooses',
    {
      'cleanup.policy': 'compact',
      'max.compaction.lag.ms': '9223372036854775807',
      'delete.retention.ms': days(1),
      'retention.ms': days(7),
    },
    ['max.compaction.lag.ms'],
  ],
  ['compacted and deleted', { 'cleanup.policy': 'compact,delete', 'retention.ms': days(30) }, []],
])('%s', (_, settings, problems) => {
  expect(settingsThatKeep(settings)).toEqual(problems);
});
