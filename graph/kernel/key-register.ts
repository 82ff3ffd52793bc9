import { PersonaError } from '../../domain/errors.ts';
import type { CommonEnvironment } from '../../platform/environment.ts';
import {
  ERASURE_RING,
  type KnownKey,
  type RingName,
  ringProblems,
} from '../../security/key-ring-validation.ts';
import { createKeyRing, type KeyRing, keyCheckValue } from '../../security/key-ring.ts';
import { translateError } from './errors.ts';
import type { Graph } from './graph.ts';
import type { Reader } from './reader.ts';
import { runTransaction } from './run-transaction.ts';
import { beginStatements } from './statements.ts';
import { COMMAND_MS } from './time-limits.ts';

/** A key as registered by the processes that started with it. */
export interface KeyRegistration {
  readonly ring: string;
  readonly id: string;
  /** When a process first started with it as the first key, RFC 3339; null: only read with so far. */
  readonly first_since: string | null;
}

type Rings = Partial<Record<RingName | typeof ERASURE_RING, KeyRing>>;
/** The command line has only some of the rings. */
export type ConfiguredKeys = Partial<
  Pick<CommonEnvironment, 'keys' | 'blindKeys' | 'codecKeys' | 'erasureKeys'>
>;

interface RegisteredKey extends KnownKey {
  readonly ring: string;
}

// Serialises processes that start concurrently: each sees the keys that the previous one registered.
const LOCK = "MERGE (lock:RingKey {ring: 'lock', id: 'lock'}) SET lock.locked = true REMOVE lock.locked";
const READ_REGISTERED = `
  MATCH (k:RingKey) WHERE k.ring IN $rings
  RETURN k.ring AS ring, k.id AS id, k.check AS check, k.first_since IS NOT NULL AS writes`;
const LIST = `
  MATCH (k:RingKey) WHERE k.ring <> 'lock'
  RETURN k.ring AS ring, k.id AS id, k.first_since AS first_since ORDER BY ring, first_since, id`;
const RETIRE = 'MATCH (k:RingKey {ring: $ring, id: $id}) DELETE k RETURN count(*) AS retired';
const REGISTER = `
  UNWIND $keys AS key
  MERGE (k:RingKey {ring: key.ring, id: key.id})
  SET k.check = key.check, k.known_since = coalesce(k.known_since, datetime()),
    k.first_since = CASE WHEN key.is_first THEN coalesce(k.first_since, datetime()) ELSE k.first_since END`;
// A process that starts without a key that no process writes with yet shows that not every process has it.
const UNREGISTER = `
  MATCH (k:RingKey) WHERE k.ring IN $rings AND k.first_since IS NULL
    AND NOT any(key IN $keys WHERE key.ring = k.ring AND key.id = k.id)
  DELETE k`;

/**
 * Admits a process with its key rings to the graph, and registers them for processes that start later.
 * @throws PersonaError key_unavailable: the rings are incompatible with those of other processes; graph_unavailable
 */
export async function admitKeys(graph: Graph, environment: ConfiguredKeys): Promise<void> {
  const rings = ringsOf(environment);
  const names = [...new Set([...Object.keys(rings), ERASURE_RING])];
  const session = graph.writeSession();
  const { send, read, commit, rootCause } = beginStatements(session, COMMAND_MS);
  try {
    send(LOCK, {});
    const problems = problemsOf(rings, await read<RegisteredKey>(READ_REGISTERED, { rings: names }));
    if (problems.length > 0) throw new PersonaError('key_unavailable', problems.join('\n'));
    const entries = Object.entries(rings).flatMap(([ring, { first, keys }]) =>
      keys.map((key) => ({ ring, id: key.id, check: keyCheckValue(key), is_first: key.id === first.id })),
    );
    send(REGISTER, { keys: entries });
    send(UNREGISTER, { keys: entries, rings: names });
    await commit();
  } catch (error) {
    throw translateError(await rootCause(error));
  } finally {
    await session.close();
  }
}

/**
 * Checks whether a process with these rings would be admitted.
 * @returns the reasons why not
 * @throws PersonaError graph_unavailable
 */
export async function checkKeys(graph: Graph, environment: ConfiguredKeys): Promise<string[]> {
  const rings = ringsOf(environment);
  const names = [...new Set([...Object.keys(rings), ERASURE_RING])];
  return problemsOf(rings, await graph.read<RegisteredKey>(READ_REGISTERED, { rings: names }));
}

/** All registered keys, in the order in which processes began to write with them. @throws PersonaError graph_unavailable */
export function getRegisteredKeys(graph: Reader): Promise<KeyRegistration[]> {
  return graph.read<KeyRegistration>(LIST);
}

/**
 * Removes a key from the register: from then on processes start without it, and none may put it first.
 * @returns false: it was not registered
 * @throws PersonaError graph_unavailable
 */
export async function unregisterKey(graph: Graph, key: { ring: RingName; id: string }): Promise<boolean> {
  const [row] = await runTransaction(graph, (statements) => {
    statements.send(LOCK, {});
    return statements.read<{ retired: number }>(RETIRE, key);
  });
  return (row?.retired ?? 0) > 0;
}

function ringsOf({ keys, blindKeys, codecKeys, erasureKeys }: ConfiguredKeys): Rings {
  return {
    ...(keys && { PERSONA_KEYS: createKeyRing(keys.reveal()) }),
    ...(blindKeys && { PERSONA_BLIND_KEYS: createKeyRing(blindKeys.reveal()) }),
    ...(codecKeys && { TEMPORAL_CODEC_KEYS: createKeyRing(codecKeys.reveal()) }),
    ...(erasureKeys && { [ERASURE_RING]: createKeyRing(erasureKeys.reveal()) }),
  };
}

function problemsOf(rings: Rings, known: readonly RegisteredKey[]): string[] {
  // Without it a process would not recognise an erased customer, and create them again.
  const isErasureKeyMissing =
    rings[ERASURE_RING] === undefined && known.some(({ ring, writes }) => ring === ERASURE_RING && writes);
  return [
    ...Object.entries(rings).flatMap(([name, ring]) =>
      ringProblems(
        name as RingName,
        ring,
        known.filter((key) => key.ring === name),
      ),
    ),
    ...(isErasureKeyMissing
      ? [`${ERASURE_RING} is missing: other processes recognise erased customers by it`]
      : []),
  ];
}
