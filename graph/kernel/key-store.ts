import { type ErrorType, PersonaError } from '../../domain/errors.ts';
import type { KeyOwner, WrappedKey } from '../../security/data-key.ts';
import { DataKey } from '../../security/data-key.ts';
import type { KeyRing } from '../../security/key-ring.ts';
import type { Reader, Sender } from './reader.ts';

/**
 * Stores wrapped data keys. A separate port, because in production the keys should not be in the same backups as the
 * data that they decrypt: an external store ignores the transaction that it is given.
 */
export interface KeyStore {
  /**
   * If keys are in the same database: Cypher for the key of the owner with the id `$id`, or null. A command then reads
   * the key in the statement that takes the lock instead of in a separate one.
   */
  readonly inlineCypher?: Readonly<Record<KeyOwner['label'], string>>;
  /** `undefined`: never created, or destroyed. */
  read(reader: Reader, owner: KeyOwner): Promise<WrappedKey | undefined>;
  /** Those of the owners with these ids that have one. */
  readAll(reader: Reader, label: KeyOwner['label'], ids: readonly string[]): Promise<StoredKey[]>;
  write(sender: Sender, owner: KeyOwner, key: WrappedKey, createdAt: string): void;
  /** Destroys a key: what is sealed with it can never be read again. */
  destroy(sender: Sender, owner: KeyOwner): void;
  /** The keys of one label after the owner `after`, ordered by their owners' ids. */
  list(
    reader: Reader,
    label: KeyOwner['label'],
    page: { after: string; limit: number },
  ): Promise<StoredKey[]>;
  /** Replaces keys that are still as they were read, and creates none. @returns the number replaced */
  replace(reader: Reader, label: KeyOwner['label'], changes: readonly KeyReplacement[]): Promise<number>;
}

/** A wrapped key with its owner's id. */
export interface StoredKey extends WrappedKey {
  readonly id: string;
}

/** Another wrapping of a stored key. */
export interface KeyReplacement extends StoredKey {
  /** The wrapped key as it was read. */
  readonly replaces: string;
}

const READ = {
  CustomerKey: 'MATCH (k:CustomerKey {customer_id: $id}) RETURN k.wrapped AS wrapped, k.key_id AS key_id',
  DeviceKey: 'MATCH (k:DeviceKey {device_id: $id}) RETURN k.wrapped AS wrapped, k.key_id AS key_id',
} as const;

const READ_ALL = {
  CustomerKey:
    'UNWIND $ids AS id MATCH (k:CustomerKey {customer_id: id}) RETURN id, k.wrapped AS wrapped, k.key_id AS key_id',
  DeviceKey:
    'UNWIND $ids AS id MATCH (k:DeviceKey {device_id: id}) RETURN id, k.wrapped AS wrapped, k.key_id AS key_id',
} as const;

const WRITE = {
  CustomerKey:
    'CREATE (:CustomerKey {customer_id: $id, wrapped: $wrapped, key_id: $key_id, created_at: datetime($created_at)})',
  DeviceKey:
    'CREATE (:DeviceKey {device_id: $id, wrapped: $wrapped, key_id: $key_id, created_at: datetime($created_at)})',
} as const;

const DESTROY = {
  CustomerKey: 'MATCH (k:CustomerKey {customer_id: $id}) DELETE k',
  DeviceKey: 'MATCH (k:DeviceKey {device_id: $id}) DELETE k',
} as const;

const LIST = {
  CustomerKey: `
    MATCH (k:CustomerKey) WHERE k.customer_id > $after
    RETURN k.customer_id AS id, k.wrapped AS wrapped, k.key_id AS key_id ORDER BY id LIMIT $limit`,
  DeviceKey: `
    MATCH (k:DeviceKey) WHERE k.device_id > $after
    RETURN k.device_id AS id, k.wrapped AS wrapped, k.key_id AS key_id ORDER BY id LIMIT $limit`,
} as const;

// The first write locks the node: what is compared after it can no longer change.
const REPLACE_LOCKED = `
  SET k.locked = true
  REMOVE k.locked
  WITH k, change WHERE k.wrapped = change.replaces
  SET k.wrapped = change.wrapped, k.key_id = change.key_id
  RETURN count(k) AS replaced`;
const REPLACE = {
  CustomerKey: `UNWIND $changes AS change MATCH (k:CustomerKey {customer_id: change.id}) ${REPLACE_LOCKED}`,
  DeviceKey: `UNWIND $changes AS change MATCH (k:DeviceKey {device_id: change.id}) ${REPLACE_LOCKED}`,
} as const;

const INLINE_CYPHER = {
  CustomerKey: 'head(COLLECT { MATCH (k:CustomerKey {customer_id: $id}) RETURN k {.wrapped, .key_id} })',
  DeviceKey: 'head(COLLECT { MATCH (k:DeviceKey {device_id: $id}) RETURN k {.wrapped, .key_id} })',
} as const;

/** Stores keys in the same database as the data that they encrypt, in nodes without relationships. */
export const graphKeyStore: KeyStore = {
  inlineCypher: INLINE_CYPHER,
  async read(reader, owner) {
    const [row] = await reader.read<WrappedKey>(READ[owner.label], { id: owner.id });
    return row;
  },
  readAll: (reader, label, ids) => reader.read<StoredKey>(READ_ALL[label], { ids }),
  write(sender, owner, key, createdAt) {
    sender.send(WRITE[owner.label], { id: owner.id, ...key, created_at: createdAt });
  },
  destroy(sender, { label, id }) {
    sender.send(DESTROY[label], { id });
  },
  list: (reader, label, page) => reader.read<StoredKey>(LIST[label], page),
  async replace(reader, label, changes) {
    const [row] = await reader.read<{ replaced: number }>(REPLACE[label], { changes });
    return row?.replaced ?? 0;
  },
};

/** What unwraps stored data keys. */
interface KeyAccess {
  readonly keyRing: KeyRing;
  readonly keyStore: KeyStore;
}

/** A customer's or a device's unwrapped key; `undefined`: it does not exist, or was destroyed. */
export async function dataKeyOf(
  graph: KeyAccess,
  reader: Reader,
  owner: KeyOwner,
): Promise<DataKey | undefined> {
  const stored = await graph.keyStore.read(reader, owner);
  return stored && DataKey.unwrap(graph.keyRing, owner, stored);
}

/**
 * Reads one row about a customer or a device with its wrapped key, in one statement if keys are in the same database.
 * @param cypher uses `$id`, and returns at most one row
 */
export async function readWithKey<T extends object>(
  { keyStore }: Pick<KeyAccess, 'keyStore'>,
  reader: Reader,
  owner: KeyOwner,
  { cypher, parameters }: { cypher: string; parameters?: Record<string, unknown> },
): Promise<{ row: T | undefined; wrapped: WrappedKey | undefined }> {
  const inlineCypher = keyStore.inlineCypher?.[owner.label];
  const input = { id: owner.id, ...parameters };
  if (inlineCypher === undefined) {
    const [[row], wrapped] = await Promise.all([reader.read<T>(cypher, input), keyStore.read(reader, owner)]);
    return { row, wrapped };
  }
  const [found] = await reader.read<T & { key: WrappedKey | null }>(
    `${cypher}, ${inlineCypher} AS key`,
    input,
  );
  if (found === undefined) return { row: undefined, wrapped: undefined };
  const { key, ...row } = found;
  return { row: row as unknown as T, wrapped: key ?? undefined };
}

/** The same with the key unwrapped. */
export async function readWithOpenKey<T extends object>(
  graph: KeyAccess & Reader,
  owner: KeyOwner,
  statement: { cypher: string; parameters?: Record<string, unknown> },
): Promise<{ row: T | undefined; key: DataKey | undefined }> {
  const { row, wrapped } = await readWithKey<T>(graph, graph, owner, statement);
  return { row, key: wrapped && DataKey.unwrap(graph.keyRing, owner, wrapped) };
}

/** Why a stored key cannot be unwrapped. @throws the error itself, if it is not about a key */
export function unreadableReason(error: unknown): string {
  const types: readonly string[] = ['internal', 'key_unavailable'] satisfies ErrorType[];
  if (error instanceof PersonaError && types.includes(error.type)) return error.message;
  throw error;
}
