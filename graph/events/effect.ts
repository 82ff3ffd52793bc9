import type { RecordedEvent, EventType } from '../../domain/events/event.ts';
import type { Projection, ProjectionSecrets } from '../kernel/projection.ts';
import type { GraphModel } from './model.ts';

/** What an effect may decrypt and compute with: the stream's own key, the blind index. */
export type EffectSecrets = ProjectionSecrets;

/**
 * What one type of event means for the graph, without Cypher: the second implementation of what the projection does. If
 * the two implementations of a rule disagree, one of them is wrong.
 */
export type Fold<T extends EventType> = (
  model: GraphModel,
  event: RecordedEvent<T>,
  secrets: EffectSecrets,
) => void;

/** What one type of event does: to the nodes in Neo4j, and to the same nodes in memory. */
type Effect<T extends EventType> = Projection<T> & { readonly fold: Fold<T> };

/** The effects of one family of events. */
export type Effects<Events> = { readonly [T in keyof Events & EventType]: Effect<T> };

/** A time as Neo4j returns it: UTC, milliseconds. */
export function utcTime(text: string): string;
export function utcTime(text: string | null): string | null;
export function utcTime(text: string | null): string | null {
  return text === null ? null : new Date(text).toISOString();
}

export function latest(a: unknown, b: string): string {
  return typeof a === 'string' && a > b ? a : b;
}

export function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** An empty list is stored as an absent property. */
export function nullIfEmpty(list: unknown[]): unknown[] | null {
  return list.length > 0 ? list : null;
}
