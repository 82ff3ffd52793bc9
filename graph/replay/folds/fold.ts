import type { EventData, RecordedEvent } from '../../../domain/events.ts';
import type { BlindIndex } from '../../../security/blind-index.ts';
import type { DataKey } from '../../../security/data-key.ts';
import type { GraphModel } from '../model.ts';

/** What a fold may decrypt and compute with: the stream's own key, the blind index. */
export interface FoldSecrets {
  readonly key: DataKey;
  readonly blindIndex: BlindIndex;
}

/**
 * What one type of event means for the graph, implemented a second time and without Cypher (`graph/projections` is the
 * first): if the two implementations of a rule disagree, one of them is wrong.
 */
export type Fold<T extends keyof EventData> = (
  model: GraphModel,
  event: RecordedEvent<T>,
  secrets: FoldSecrets,
) => void;

export type Folds<T extends keyof EventData = keyof EventData> = { readonly [K in T]: Fold<K> };

/** A time as Neo4j returns it: UTC, milliseconds. */
export function utcTime(text: string): string;
export function utcTime(text: string | null): string | null;
export function utcTime(text: string | null): string | null {
  return text === null ? null : new Date(text).toISOString();
}

export function latest(a: unknown, b: string): string {
  return typeof a === 'string' && a > b ? a : b;
}
