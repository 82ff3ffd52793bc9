/**
 * Whether a process may start with its key rings, given the keys that other processes have used. A ring is rotated in
 * two phases: first every process gets the new key in second place, to read with; then it moves to first place, to write
 * with. If one process could not read what another writes, it would create a customer a second time.
 */

import { type KeyRing, keyCheckValue } from './key-ring.ts';

/** Named after their environment variables. */
export const RING_NAMES = ['PERSONA_KEYS', 'PERSONA_BLIND_KEYS', 'TEMPORAL_CODEC_KEYS'] as const;
export type RingName = (typeof RING_NAMES)[number];
/** Its keys are never retired: a restored backup may be of any age. */
export const ERASURE_RING = 'PERSONA_ERASURE_KEY';
type CheckedRing = RingName | typeof ERASURE_RING;

/** A key that a process was started with. */
export interface KnownKey {
  readonly id: string;
  /** From `keyCheckValue`; null: known only from data written with it. */
  readonly check: string | null;
  /** Whether it has been the first key of a process, or anything was written with it. */
  readonly writes: boolean;
}

/** Why a process must not start with this ring; empty: it may. @param known - of this ring only */
export function ringProblems(name: CheckedRing, ring: KeyRing, known: readonly KnownKey[]): string[] {
  return [
    ...missingKeys(name, ring, known),
    ...changedKeys(name, ring, known),
    ...prematureFirstKey(name, ring, known),
  ];
}

function missingKeys(name: CheckedRing, ring: KeyRing, known: readonly KnownKey[]): string[] {
  return known
    .filter(({ id, writes }) => writes && ring.find(id) === undefined)
    .map(({ id }) => `${name} lacks the key ${id}, which other processes write with or have written with`);
}

function changedKeys(name: CheckedRing, ring: KeyRing, known: readonly KnownKey[]): string[] {
  return ring.keys
    .filter((key) =>
      known.some(({ id, check }) => id === key.id && check !== null && check !== keyCheckValue(key)),
    )
    .map(({ id }) => `${name}: the key ${id} differs from the key that other processes know by this id`);
}

function prematureFirstKey(name: CheckedRing, { first }: KeyRing, known: readonly KnownKey[]): string[] {
  if (known.length === 0 || known.some(({ id }) => id === first.id)) return [];
  return [
    `${name} starts with the key ${first.id}, which no process has read with yet: start every process with it in second place before putting it first`,
  ];
}
