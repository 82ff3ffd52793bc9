/**
 * Builds a new graph from nothing but another one's log and keys (docs/reference/graph.md, 'The event log'): the
 * projection of each event is applied again, in the order in which the events happened.
 */

import { PersonaError } from '../../domain/errors.ts';
import type { EventType, StreamKind } from '../../domain/events/event.ts';
import type { DataKey, KeyOwner, WrappedKey } from '../../security/data-key.ts';
import { EFFECTS } from '../events/index.ts';
import { translateError } from '../kernel/errors.ts';
import { WRITE_EVENTS } from '../kernel/event-writes.ts';
import type { Graph } from '../kernel/graph.ts';
import { migrate } from '../kernel/migrate.ts';
import { type Projection, projectionParameters } from '../kernel/projection.ts';
import type { Sender } from '../kernel/reader.ts';
import { toSingleParameter } from '../kernel/single-parameter.ts';
import { LABEL_OF, readEvent, readKey, type StoredEvent } from './stream.ts';

export interface ReplayTotals {
  customers: number;
  devices: number;
  events: number;
}

type CypherParameters = Record<string, unknown>;
type LoggedEvent = StoredEvent & { unpublished: boolean };
interface StreamKey {
  owner: KeyOwner;
  key: DataKey;
  wrapped: WrappedKey;
}

/** Events per transaction. */
const PAGE = 250;

// Devices first: customers' events refer to them, and theirs refer to no other stream. Then everything in chronological
// order, which is the order of ids: an identifier that one customer gave up belongs to another afterwards, not before.
const READ_PAGE = `
  MATCH (e:PersonaEvent) WHERE e.id > $after AND e.stream = $kind
  RETURN properties(e) AS event, e:Unpublished AS unpublished ORDER BY e.id LIMIT $limit`;
const ANY_NODE = 'MATCH (n) WHERE NOT n:SchemaMigration AND NOT n:RingKey RETURN true AS found LIMIT 1';
const UNPUBLISHED = 'UNWIND $ids AS id MATCH (e:PersonaEvent {id: id}) SET e:Unpublished';
const WRITE_VERSION: Readonly<Record<StreamKind, string>> = {
  customer: 'MATCH (n:Customer {id: $id}) SET n.version = $version',
  device: 'MATCH (n:Device {id: $id}) SET n.version = $version',
};

/**
 * Rebuilds the target from the source's log. Receipts are not part of the log: the target does not know earlier
 * commands.
 * @param options.onProgress called with the number of events written so far
 * @throws PersonaError graph_not_empty, graph_unavailable, internal (an event that cannot be read or applied)
 */
export async function replayInto(
  source: Graph,
  target: Graph,
  { onProgress }: { onProgress: (events: number) => void },
): Promise<ReplayTotals> {
  await migrate(target);
  const [found] = await target.read(ANY_NODE);
  if (found !== undefined)
    throw new PersonaError('graph_not_empty', 'the graph to replay into must be empty');
  const totals: ReplayTotals = { customers: 0, devices: 0, events: 0 };
  const replayer = new Replayer(source, target);
  for (const kind of ['device', 'customer'] as const) {
    for (let after = ''; ; ) {
      const page = await source.read<{ event: StoredEvent; unpublished: boolean }>(READ_PAGE, {
        after,
        kind,
        limit: PAGE,
      });
      const events = page.map(({ event, unpublished }) => ({ ...event, unpublished }));
      const last = events.at(-1);
      if (last === undefined) break;
      await replayer.apply(events);
      totals.events += events.length;
      onProgress(totals.events);
      after = last.id;
    }
    totals[kind === 'customer' ? 'customers' : 'devices'] = replayer.streamsOf(kind);
  }
  replayer.finish();
  return totals;
}

class Replayer {
  readonly #source: Graph;
  readonly #target: Graph;
  /** The last `seq` of each stream: one number for each customer and device is all that this holds. */
  readonly #positions = new Map<string, { kind: StreamKind; seq: number }>();
  /** Events read before their predecessor, by stream and `seq`: the clocks of two processes differ slightly. */
  readonly #pending = new Map<string, LoggedEvent>();

  constructor(source: Graph, target: Graph) {
    this.#source = source;
    this.#target = target;
  }

  streamsOf(kind: StreamKind): number {
    return [...this.#positions.values()].filter((position) => position.kind === kind).length;
  }

  /** Applies a page of events in one transaction. */
  async apply(page: readonly LoggedEvent[]): Promise<void> {
    const events = page.flatMap((event) => this.#inOrder(event));
    const keys = await this.#keysOf(events);
    const session = this.#target.writeSession();
    try {
      const transaction = await session.beginTransaction();
      const sent: Promise<unknown>[] = [];
      // Statements are not awaited one by one: the server works on one while the next is being sent.
      const send = (cypher: string, parameters: CypherParameters) => {
        sent.push(Promise.resolve(transaction.run(...toSingleParameter(cypher, parameters))));
      };
      for (const event of events) this.#send(event, keys, send);
      send(WRITE_EVENTS, { events: events.map(({ unpublished: _, ...event }) => event) });
      send(UNPUBLISHED, { ids: events.filter(({ unpublished }) => unpublished).map(({ id }) => id) });
      await Promise.all(sent);
      await transaction.commit();
    } catch (error) {
      throw translateError(error);
    } finally {
      await session.close();
    }
  }

  /** @throws PersonaError internal, if the log has a gap */
  finish(): void {
    const [event] = this.#pending.values();
    if (event === undefined) return;
    const { stream_id, seq } = event;
    throw new PersonaError('internal', `the log of ${stream_id} lacks the event before ${seq}`);
  }

  /** The event with those that waited for it; empty if it has to wait itself. */
  #inOrder(event: LoggedEvent): LoggedEvent[] {
    const { stream: kind, stream_id, seq } = event;
    if (seq !== (this.#positions.get(stream_id)?.seq ?? 0) + 1) {
      this.#pending.set(`${stream_id}#${seq}`, event);
      return [];
    }
    this.#positions.set(stream_id, { kind, seq });
    const next = this.#pending.get(`${stream_id}#${seq + 1}`);
    if (next === undefined) return [event];
    this.#pending.delete(`${stream_id}#${seq + 1}`);
    return [event, ...this.#inOrder(next)];
  }

  async #keysOf(events: readonly LoggedEvent[]): Promise<ReadonlyMap<string, StreamKey>> {
    const streams = new Map(events.map(({ stream, stream_id }) => [stream_id, stream]));
    return new Map(
      await Promise.all(
        [...streams].map(async ([id, kind]): Promise<[string, StreamKey]> => {
          const owner: KeyOwner = { label: kind === 'customer' ? 'CustomerKey' : 'DeviceKey', id };
          const [key, wrapped] = await Promise.all([
            readKey(this.#source, { kind, id }),
            this.#source.keyStore.read(this.#source, owner),
          ]);
          if (typeof key !== 'string' && wrapped !== undefined) return [id, { owner, key, wrapped }];
          throw new PersonaError('internal', `the key of ${LABEL_OF[kind]} ${id} cannot be used`);
        }),
      ),
    );
  }

  #send(event: LoggedEvent, keys: ReadonlyMap<string, StreamKey>, send: Sender['send']): void {
    const { unpublished: _, ...stored } = event;
    const recorded = readEvent<EventType>(stored);
    const streamKey = keys.get(event.stream_id);
    if (streamKey === undefined) throw new Error(`the key of ${event.stream_id} was not read`);
    const { owner, key, wrapped } = streamKey;
    if (event.seq === 1) this.#target.keyStore.write({ send }, owner, wrapped, event.recorded_at);
    const projection = EFFECTS[recorded.type] as Projection<EventType> | undefined;
    if (projection === undefined) throw new PersonaError('internal', `unknown event type ${event.type}`);
    const secrets = { key, blindIndex: this.#target.blindIndex };
    send(projection.cypher, projectionParameters(projection, recorded, secrets));
    send(WRITE_VERSION[event.stream], { id: event.stream_id, version: event.seq });
  }
}
