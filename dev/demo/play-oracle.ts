/** The last part: Oracle reads what the stories have left in the log. */

import { checkLog } from './check-log.ts';
import type { StoryResult } from './format-story.ts';
import type { SchemaRegistry } from '../../domain/schema-registry.ts';
import { archiveLog } from './oracle.ts';
import type { StateInspector } from './state-inspector.ts';

/**
 * @param broker host:port
 * @param otherStreams those that were in the graph before this run, whose events another Kafka may have
 * @param registry with which Persona writes
 */
export async function playOracle(
  broker: string,
  otherStreams: ReadonlySet<string>,
  inspector: StateInspector,
  registry?: SchemaRegistry,
): Promise<Pick<StoryResult, 'lines' | 'checks'>> {
  const events = (await inspector.events()).filter(({ stream_id }) => !otherStreams.has(stream_id));
  if (events.length === 0) throw new Error('the stories have left no event in the graph');
  const { entries, repetitions } = await archiveLog(
    broker,
    events.map(({ event_id }) => event_id),
    registry,
  );
  const { types, checks } = checkLog(events, entries);
  const lines = [
    ...(registry
      ? ["the records are in Confluent's wire format, with schemas from the schema registry"]
      : []),
    types.map(([type, count]) => `${type} ${count}`).join(', '),
    `records that repeat an event, and were dropped: ${repetitions}`,
  ];
  return { lines, checks };
}
