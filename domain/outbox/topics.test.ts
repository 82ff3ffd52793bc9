import { expect, test } from 'vitest';
import { settingsProblems, Topic, TOPIC_SETTINGS } from './topics.ts';

test.each<[string, keyof typeof Topic, Record<string, string>, string[]]>([
  ['what Persona creates', 'log', {}, []],
  ['the log by a broker’s defaults', 'log', { 'retention.ms': '604800000' }, ['retention.ms']],
  ['a compacted log', 'log', { 'cleanup.policy': 'compact' }, ['cleanup.policy']],
  ['a log of limited size', 'log', { 'retention.bytes': '1000' }, ['retention.bytes']],
  ['contexts that expire', 'customerContext', { 'cleanup.policy': 'compact,delete' }, ['cleanup.policy']],
  ['short tombstones', 'customerContext', { 'delete.retention.ms': '86400000' }, ['delete.retention.ms']],
  ['properties that are kept for ever', 'notice', { 'retention.ms': '-1' }, ['retention.ms']],
  ['properties that are kept too long', 'notice', { 'retention.ms': '2592000000' }, ['retention.ms']],
  ['properties that are kept for less', 'notice', { 'retention.ms': '86400000' }, []],
])('%s', (_, topic, changed, names) => {
  const settings = TOPIC_SETTINGS[Topic[topic]];
  const problems = settingsProblems(settings, { ...settings, ...changed });
  expect(problems).toEqual(names.map((name) => `${name} is ${changed[name]} instead of ${settings[name]}`));
});
