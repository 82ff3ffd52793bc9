/**
 * The log's topic is kept for ever, so everything that an event says is sealed there, with the key of its stream: with the
 * key destroyed it says no more than that something happened, and when.
 */

import { PersonaError } from '../../domain/errors.ts';
import type { StreamKind } from '../../domain/events/event.ts';
import type { LoggedEvent } from '../../domain/outbox/records.ts';
import { namesPayment } from '../../domain/workflow-contracts.ts';
import { DataKey } from '../../security/data-key.ts';
import { findErasedIds } from '../erasure/erased-ids.ts';
import type { Graph } from '../kernel/graph.ts';
import type { StoredKey } from '../kernel/key-store.ts';
import { KEY_LABEL } from '../kernel/streams.ts';

/** What of an event is sealed, or may be. */
type Sealable = Pick<LoggedEvent, 'id' | 'stream' | 'stream_id' | 'type' | 'correlation_id' | 'data'>;

export interface LogKeys {
  /** Streams without a key that were erased: their events can neither be sealed nor read any more. */
  readonly erased: ReadonlySet<string>;
  /** @throws PersonaError key_unavailable, internal: there is no key, or it does not fit */
  keyOf(event: Pick<Sealable, 'stream' | 'stream_id'>): DataKey;
}

/** The keys of the streams of these events. @throws PersonaError graph_unavailable */
export async function readLogKeys(graph: Graph, events: readonly Sealable[]): Promise<LogKeys> {
  const stored = new Map<string, StoredKey>();
  const missing: string[] = [];
  const keyed = events.filter(isSealed);
  for (const stream of ['customer', 'device'] as const) {
    const label = KEY_LABEL[stream];
    const ids = [...new Set(keyed.filter((one) => one.stream === stream).map((one) => one.stream_id))];
    if (label === null || ids.length === 0) continue;
    for (const key of await graph.keyStore.readAll(graph, label, ids)) stored.set(key.id, key);
    missing.push(...ids.filter((id) => !stored.has(id)));
  }
  const opened = new Map<string, DataKey>();
  return {
    erased: await findErasedIds(graph, missing),
    keyOf({ stream, stream_id }) {
      const known = opened.get(stream_id);
      if (known !== undefined) return known;
      const key = unwrap(graph, stream, stored.get(stream_id), stream_id);
      opened.set(stream_id, key);
      return key;
    },
  };
}

function unwrap(graph: Graph, stream: StreamKind, stored: StoredKey | undefined, id: string): DataKey {
  const label = KEY_LABEL[stream];
  if (label === null || stored === undefined)
    throw new PersonaError('internal', `the data key of ${stream} ${id} is missing`);
  return DataKey.unwrap(graph.keyRing, { label, id }, stored);
}

/** Of agents' personas nothing is personal; what erasure has left belongs to a pseudonym, which has no key. */
function isSealed({ stream, type }: Pick<Sealable, 'stream' | 'type'>): boolean {
  return KEY_LABEL[stream] !== null && type !== 'CustomerErased';
}

/** The event as its record in the log's topic has it. @throws PersonaError as `LogKeys.keyOf` */
export function sealForLog<E extends Sealable>(event: E, keys: LogKeys): E {
  if (!isSealed(event)) return event;
  const key = keys.keyOf(event);
  const { id, correlation_id, data } = event;
  return {
    ...event,
    ...(namesPayment(correlation_id) && {
      correlation_id: key.seal(correlation_id, LABEL, id, 'correlation_id'),
    }),
    data: JSON.stringify({ sealed: key.seal(data, LABEL, id, 'data') }),
  };
}

/** The event as it was logged; also one that an earlier release has published unsealed. @throws as `LogKeys.keyOf` */
export function openFromLog<E extends Sealable>(event: E, keys: LogKeys): E {
  const sealed = sealedIn(event.data);
  if (sealed === undefined) return event;
  const key = keys.keyOf(event);
  const { id, correlation_id } = event;
  return {
    ...event,
    ...(correlation_id.startsWith(SEALED) && {
      correlation_id: key.open(correlation_id, LABEL, id, 'correlation_id'),
    }),
    data: key.open(sealed, LABEL, id, 'data'),
  };
}

const LABEL = 'PersonaEvent';
const SEALED = 's1:';

function sealedIn(data: string): string | undefined {
  if (!data.startsWith('{"sealed":')) return undefined;
  const { sealed } = JSON.parse(data) as { sealed?: unknown };
  return typeof sealed === 'string' ? sealed : undefined;
}
