import type { EventData, EventType, RecordedEvent } from '../../domain/events/event.ts';
import { NEEDS_OWED, type PublishingFacts } from '../../domain/outbox/records.ts';
import type { Graph } from '../kernel/graph.ts';

// A recovered payment that changes the default does so in the same command, by the event before the closing one.
const READ_FACTS = `
  UNWIND $events AS event
  OPTIONAL MATCH (o:Obligation {payment_id: event.payment_id})
  OPTIONAL MATCH (d:PersonaEvent {stream_id: event.stream_id, seq: event.seq - 1})
  WHERE d.type = 'DefaultPaymentMethodChanged' AND d.recorded_at = datetime(event.recorded_at)
  RETURN event.id AS id, o.amount AS amount, o.currency AS currency, d.data AS default_change`;

interface Row {
  id: string;
  amount: number | null;
  currency: string | null;
  default_change: string | null;
}

/** What the events' records need beyond the events. @throws PersonaError graph_unavailable */
export async function getPublishingFacts(
  graph: Graph,
  events: readonly RecordedEvent[],
): Promise<Pick<PublishingFacts, 'owed' | 'newDefaults'>> {
  const needed = events.filter(({ type }) => NEEDS_OWED.includes(type));
  const rows =
    needed.length === 0
      ? []
      : await graph.read<Row>(READ_FACTS, {
          events: needed.map((event) => ({
            ...{ id: event.id, stream_id: event.stream_id, seq: event.seq, recorded_at: event.recorded_at },
            payment_id: (event.data as EventData['RecoveryClosed']).payment_id,
          })),
        });
  const closed = new Set(needed.filter(isRecovered).map(({ id }) => id));
  return {
    owed: new Map(rows.map(({ id, amount, currency }) => [id, { amount, currency }])),
    newDefaults: new Map(
      rows.flatMap(({ id, default_change }) => {
        const change = default_change !== null && closed.has(id) ? newDefaultOf(default_change) : null;
        return change === null ? [] : [[id, change]];
      }),
    ),
  };
}

function isRecovered(event: RecordedEvent<EventType>): boolean {
  return event.type === 'RecoveryClosed' && (event.data as EventData['RecoveryClosed']).state === 'recovered';
}

function newDefaultOf(data: string): string | null {
  return (JSON.parse(data) as EventData['DefaultPaymentMethodChanged']).payment_method_id;
}
