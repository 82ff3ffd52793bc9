import { PersonaError } from '../domain/errors.ts';
import type { StreamKind } from '../domain/events.ts';
import { DataKey, type KeyOwner } from '../security/data-key.ts';
import type { CustomerNode, DeviceNode } from './command-tx.ts';
import type { Graph, Reader } from './graph.ts';
import { readWithKey, type Sender } from './key-store.ts';

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
const WRITE_CUSTOMER_VERSION = 'MATCH (c:Customer {id: $id}) SET c.version = $version';
const WRITE_DEVICE_VERSION = 'MATCH (d:Device {id: $id}) SET d.version = $version';

/** A customer or a device to which a command may append events. */
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
  readonly #statements: Reader & Sender;
  readonly #streams = new Map<string, Stream>();

  constructor(graph: Graph, statements: Reader & Sender) {
    this.#graph = graph;
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

  /** @param createdAt - RFC 3339 */
  begin(kind: StreamKind, id: string, createdAt: string): void {
    const owner: KeyOwner = { label: kind === 'customer' ? 'CustomerKey' : 'DeviceKey', id };
    const { key, wrapped } = DataKey.create(this.#graph.keyRing, owner);
    this.#graph.keyStore.write(this.#statements, owner, wrapped, createdAt);
    this.#streams.set(id, { id, kind, key, version: 0, storedVersion: 1 });
  }

  get(id: string): Stream {
    const stream = this.#streams.get(id);
    if (stream === undefined) throw new Error(`stream ${id} is used before it is locked`);
    return stream;
  }

  writeVersions(): void {
    for (const { id, kind, version, storedVersion } of this.#streams.values()) {
      const cypher = kind === 'customer' ? WRITE_CUSTOMER_VERSION : WRITE_DEVICE_VERSION;
      if (version > storedVersion) this.#statements.send(cypher, { id, version });
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
    if (node === undefined || node.status === 'erased' || node.status === 'merged') throw notFound();
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
