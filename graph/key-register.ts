import { PersonaError } from '../domain/errors.ts';
import type { CommonEnvironment } from '../platform/environment.ts';
import { createKeyRing, type KeyRing, keyCheckValue } from '../security/key-ring.ts';
import { type KnownKey, type RingName, ringProblems } from '../security/key-ring-validation.ts';
import { translateError } from './errors.ts';
import type { Graph } from './graph.ts';
import { beginStatements } from './statements.ts';
import { COMMAND_MS } from './time-limits.ts';

type Rings = Partial<Record<RingName, KeyRing>>;
/** Of the command line, some rings only. */
type ConfiguredKeys = Partial<Pick<CommonEnvironment, 'keys' | 'blindKeys' | 'codecKeys'>>;

interface RegisteredKey extends KnownKey {
  readonly ring: string;
}

// Of processes that start at once, each sees what the one before it has entered.
const LOCK = "MERGE (lock:RingKey {ring: 'lock', id: 'lock'}) SET lock.locked = true REMOVE lock.locked";
const READ_REGISTERED = `
  MATCH (k:RingKey) WHERE k.ring IN $rings
  RETURN k.ring AS ring, k.id AS id, k.check AS check, k.first_since IS NOT NULL AS writes`;
const REGISTER = `
  UNWIND $keys AS key
  MERGE (k:RingKey {ring: key.ring, id: key.id})
  SET k.check = key.check, k.known_since = coalesce(k.known_since, datetime()),
    k.first_since = CASE WHEN key.is_first THEN coalesce(k.first_since, datetime()) ELSE k.first_since END`;
// Where a process starts without a key that none writes with yet, not every process has it.
const UNREGISTER = `
  MATCH (k:RingKey) WHERE k.ring IN $rings AND k.first_since IS NULL
    AND NOT any(key IN $keys WHERE key.ring = k.ring AND key.id = k.id)
  DELETE k`;

/**
 * Lets a process work on the graph with its key rings, and remembers them for those that start after it.
 * @throws PersonaError key_unavailable: the rings do not fit those that others work with; graph_unavailable
 */
export async function admitKeys(graph: Graph, environment: ConfiguredKeys): Promise<void> {
  const rings = ringsOf(environment);
  const names = Object.keys(rings);
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
 * Would a process with these rings be let in?
 * @returns why not
 * @throws PersonaError graph_unavailable
 */
export async function checkKeys(graph: Graph, environment: ConfiguredKeys): Promise<string[]> {
  const rings = ringsOf(environment);
  return problemsOf(rings, await graph.read<RegisteredKey>(READ_REGISTERED, { rings: Object.keys(rings) }));
}

function ringsOf({ keys, blindKeys, codecKeys }: ConfiguredKeys): Rings {
  return {
    ...(keys && { PERSONA_KEYS: createKeyRing(keys.reveal()) }),
    ...(blindKeys && { PERSONA_BLIND_KEYS: createKeyRing(blindKeys.reveal()) }),
    ...(codecKeys && { TEMPORAL_CODEC_KEYS: createKeyRing(codecKeys.reveal()) }),
  };
}

function problemsOf(rings: Rings, known: readonly RegisteredKey[]): string[] {
  return Object.entries(rings).flatMap(([name, ring]) =>
    ringProblems(
      name as RingName,
      ring,
      known.filter((key) => key.ring === name),
    ),
  );
}
