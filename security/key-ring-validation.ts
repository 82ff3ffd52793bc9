/**
 * Whether a process may work with its key rings, by what the others have worked with so far. A ring changes in two
 * phases: first every process gets the new key in second place, where it reads; then it moves to the first place, where
 * it writes. Of two processes of which one cannot read what the other writes, one makes a second customer of a person.
 */

import { type KeyRing, keyCheckValue } from './key-ring.ts';

/** By the variables that they come from. */
export type RingName = 'PERSONA_KEYS' | 'PERSONA_BLIND_KEYS' | 'TEMPORAL_CODEC_KEYS';

/** A key that some process was started with. */
export interface KnownKey {
  readonly id: string;
  /** From `keyCheckValue`; null: known only from what it has written. */
  readonly check: string | null;
  /** Has it been the first key of a process, or written anything? */
  readonly writes: boolean;
}

/** Why a process must not start with this ring; empty: it may. @param known - of this ring alone */
export function ringProblems(name: RingName, ring: KeyRing, known: readonly KnownKey[]): string[] {
  return [
    ...missingKeys(name, ring, known),
    ...changedKeys(name, ring, known),
    ...prematureFirstKey(name, ring, known),
  ];
}

function missingKeys(name: RingName, ring: KeyRing, known: readonly KnownKey[]): string[] {
  return known
    .filter(({ id, writes }) => writes && ring.find(id) === undefined)
    .map(({ id }) => `${name} lacks the key ${id}, which other processes write with or have written with`);
}

function changedKeys(name: RingName, ring: KeyRing, known: readonly KnownKey[]): string[] {
  return ring.keys
    .filter((key) =>
      known.some(({ id, check }) => id === key.id && check !== null && check !== keyCheckValue(key)),
    )
    .map(({ id }) => `${name}: the key ${id} is not the one that other processes know by that id`);
}

function prematureFirstKey(name: RingName, { first }: KeyRing, known: readonly KnownKey[]): string[] {
  if (known.length === 0 || known.some(({ id }) => id === first.id)) return [];
  return [
    `${name} begins with the key ${first.id}, which no process has read with yet: start every process with it in second place, and only then put it first`,
  ];
}
