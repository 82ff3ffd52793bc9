import type { EventData, RecordedEvent } from '../../../domain/events.ts';
import type { BlindIndex } from '../../../security/blind-index.ts';
import type { DataKey } from '../../../security/data-key.ts';
import type { GraphModel } from '../model.ts';

/** What a fold may open and compute: the stream's own key, the blind index. */
export interface FoldSecrets {
  readonly key: DataKey;
  readonly blindIndex: BlindIndex;
}

/**
 * What one type of event says about the graph, written a second time and without Cypher (`graph/projections` is the
 * first): two tellings of the same rule that disagree are a mistake in one of them.
 */
export type Fold<T extends keyof EventData> = (
  model: GraphModel,
  event: RecordedEvent<T>,
  secrets: FoldSecrets,
) => void;

export type Folds<T extends keyof EventData = keyof EventData> = { readonly [K in T]: Fold<K> };

/** A time as Neo4j gives it back: UTC, milliseconds. */
export function utcTime(text: string): string;
export function utcTime(text: string | null): string | null;
export function utcTime(text: string | null): string | null {
  return text === null ? null : new Date(text).toISOString();
}

export function latest(a: unknown, b: string): string {
  return typeof a === 'string' && a > b ? a : b;
}
