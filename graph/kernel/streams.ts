import { mayLock } from '../../domain/erasure/visibility.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { StreamKind } from '../../domain/events/event.ts';
import { DataKey, type KeyOwner } from '../../security/data-key.ts';
import type { CatalogueKind, CustomerNode, DeviceNode } from './command-tx.ts';
import type { Graph } from './graph.ts';
import { readWithKey } from './key-store.ts';
import type { Reader, Sender } from './reader.ts';

// A write locks the node, and a read after it sees what the lock's previous holder wrote. The value written must not be
// read from the node: `SET c.version = c.version` reads before it has the lock and writes the old version back.
const LOCK_CUSTOMER = `
  MATCH (c:Customer {id: $id})
  SET c.locked = true
  REMOVE c.locked
  RETURN properties(c) AS node`;
const LOCK_DEVICE = `
  MATCH (d:Device {id: $id})
  SET d.locked = true
  REMOVE d.locked
  RETURN properties(d) AS node`;
const LOCK_ENTRY = {
  catalogue: `
    MATCH (p:AgentPersona {name: $id})
    SET p.locked = true
    REMOVE p.locked
    RETURN properties(p) AS node`,
  configuration: `
    MATCH (c:PersonaConfiguration {key: $id})
    SET c.locked = true
    REMOVE c.locked
    RETURN properties(c) AS node`,
} as const satisfies Record<CatalogueKind, string>;
/** How the version of each kind's node is written. */
export const WRITE_VERSION = {
  customer: 'MATCH (n:Customer {id: $id}) SET n.version = $version',
  device: 'MATCH (n:Device {id: $id}) SET n.version = $version',
  catalogue: 'MATCH (n:AgentPersona {name: $id}) SET n.version = $version',
  configuration: 'MATCH (n:PersonaConfiguration {key: $id}) SET n.version = $version',
} as const satisfies Record<StreamKind, string>;

/** The keys of streams, by their kind; `null`: its events hold no personal data, and nothing in them is sealed. */
export const KEY_LABEL: Readonly<Record<StreamKind, KeyOwner['label'] | null>> = {
  customer: 'CustomerKey',
  device: 'DeviceKey',
  catalogue: null,
  configuration: null,
};

/** A stream to which a command may append events. */
export interface Stream {
  readonly id: string;
  readonly kind: StreamKind;
  readonly key: DataKey;
  /** The `seq` of its last event, including those of the command. */
  version: number;
  /** The version stored on its node, or the one that the event that creates the node sets. */
  storedVersion: number;
}

/** The streams that a command has locked or started. */
export class Streams {
  readonly #graph: Graph;
  readonly #caller: string;
  readonly #statements: Reader & Sender;
  readonly #streams = new Map<string, Stream>();

  /** @param caller whose command it is */
  constructor(graph: Graph, statements: Reader & Sender, caller: string) {
    this.#graph = graph;
    this.#caller = caller;
    this.#statements = statements;
  }

  lockCustomer(id: string): Promise<CustomerNode> {
    const notFound = () => new PersonaError('customer_not_found', `there is no customer ${id}`);
    return this.#lock(LOCK_CUSTOMER, { label: 'CustomerKey', id }, notFound);
  }

  lockDevice(id: string): Promise<DeviceNode> {
    const notFound = () => new PersonaError('device_not_found', `there is no device ${id}`);
    return this.#lock(LOCK_DEVICE, { label: 'DeviceKey', id }, notFound);
  }

  /** `undefined`: there is no such entry yet. */
  async lockEntry<N extends { version: number }>(kind: CatalogueKind, id: string): Promise<N | undefined> {
    const [row] = await this.#statements.read<{ node: N }>(LOCK_ENTRY[kind], { id });
    if (row === undefined) return undefined;
    const { version } = row.node;
    this.#streams.set(id, { id, kind, key: DataKey.NONE, version, storedVersion: version });
    return row.node;
  }

  /** @param createdAt - RFC 3339 */
  begin(kind: StreamKind, id: string, createdAt: string): void {
    this.#streams.set(id, {
      id,
      kind,
      key: this.#createKey(kind, id, createdAt),
      version: 0,
      storedVersion: 1,
    });
  }

  #createKey(kind: StreamKind, id: string, createdAt: string): DataKey {
    const label = KEY_LABEL[kind];
    if (label === null) return DataKey.NONE;
    const owner: KeyOwner = { label, id };
    const { key, wrapped } = DataKey.create(this.#graph.keyRing, owner);
    this.#graph.keyStore.write(this.#statements, owner, wrapped, createdAt);
    return key;
  }

  get(id: string): Stream {
    const stream = this.#streams.get(id);
    if (stream === undefined) throw new Error(`stream ${id} is used before it is locked`);
    return stream;
  }

  /** Whose command it is: of several customers the one that changes, or else the first; without one a device. */
  get ownerId(): string | undefined {
    const streams = [...this.#streams.values()];
    const customers = streams.filter(({ kind }) => kind === 'customer');
    const changed = customers.find(({ version, storedVersion }) => version > storedVersion);
    return (changed ?? customers[0] ?? streams[0])?.id;
  }

  writeVersions(): void {
    for (const { id, kind, version, storedVersion } of this.#streams.values()) {
      if (version > storedVersion) this.#statements.send(WRITE_VERSION[kind], { id, version });
    }
  }

  async #lock<N extends { version: number }>(
    cypher: string,
    owner: KeyOwner,
    notFound: () => PersonaError,
  ): Promise<N> {
    const { id, label } = owner;
    const { row, wrapped } = await readWithKey<{ node: N & { status?: string } }>(
      this.#graph,
      this.#statements,
      owner,
      { cypher },
    );
    const node = row?.node;
    if (node === undefined || !mayLock(node.status, this.#caller)) throw notFound();
    if (wrapped === undefined) throw new PersonaError('internal', `the ${label} of ${id} is missing`);
    const key = DataKey.unwrap(this.#graph.keyRing, owner, wrapped);
    const kind = label === 'CustomerKey' ? 'customer' : 'device';
    const existing = this.#streams.get(id);
    if (existing === undefined)
      this.#streams.set(id, { id, kind, key, version: node.version, storedVersion: node.version });
    else node.version = existing.version;
    return node;
  }
}
