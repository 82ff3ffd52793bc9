import type { EventData, RecordedEvent } from '../../domain/events.ts';
import type { BlindIndex } from '../../security/blind-index.ts';
import type { DataKey } from '../../security/data-key.ts';

/** What a projection may decrypt and hash with: the stream's data key and the blind index. */
export interface ProjectionSecrets {
  readonly key: DataKey;
  readonly blindIndex: BlindIndex;
}

/**
 * How one type of event changes the graph. Projections are the only writers of the state in events, so that a replay of
 * the log yields the same graph. The Cypher gets `$stream_id`, `$seq`, `$occurred_at`, `$recorded_at`, `$data` (the
 * event's data) and what `derived` adds. `null`: the event changes only its stream's version.
 */
export type Projection<T extends keyof EventData> = null | {
  readonly cypher: string;
  /** Values that are encrypted in the event's data, and in plaintext or hashed on the node. */
  derived?(event: RecordedEvent<T>, secrets: ProjectionSecrets): Record<string, unknown>;
};

export type Projections<T extends keyof EventData = keyof EventData> = { readonly [K in T]: Projection<K> };

/** The parameters of a projection's Cypher. */
export function projectionParameters<T extends keyof EventData>(
  projection: NonNullable<Projection<T>>,
  event: RecordedEvent<T>,
  secrets: ProjectionSecrets,
): Record<string, unknown> {
  return {
    stream_id: event.stream_id,
    seq: event.seq,
    occurred_at: event.occurred_at,
    recorded_at: event.recorded_at,
    data: event.data,
    ...projection.derived?.(event, secrets),
  };
}
