import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { PersonaError } from '../domain/errors.ts';
import type { KeyRing } from './key-ring.ts';
import type { EncryptionContext } from './sealing.ts';
import { open, seal } from './sealing.ts';

/** The owner of a key: destroying the key makes all data sealed with it in the graph and the log unreadable. */
export interface KeyOwner {
  readonly label: 'CustomerKey' | 'DeviceKey';
  readonly id: string;
}

/** A data key as stored: sealed with a key of the ring. */
export interface WrappedKey {
  readonly wrapped: string;
  /** The key of the ring that opens it. */
  readonly key_id: string;
}

/** The data key of one customer or device (envelope encryption). */
export class DataKey {
  /** Of a stream without personal data: nothing is sealed there. */
  static readonly NONE = new DataKey(undefined);
  readonly #key: KeyObject | undefined;
  /** Values sealed by this instance: writing an event opens them again for the node that the event changes. */
  readonly #sealed = new Map<string, { context: string; value: string }>();

  private constructor(bytes: Buffer | undefined) {
    this.#key = bytes && createSecretKey(bytes);
  }

  get #secret(): KeyObject {
    if (this.#key === undefined) throw new PersonaError('internal', 'this stream has no data key');
    return this.#key;
  }

  /** A new random key and its wrapping by the ring's first key. */
  static create(ring: KeyRing, owner: KeyOwner): { key: DataKey; wrapped: WrappedKey } {
    const bytes = randomBytes(32);
    const wrapped = seal(ring.first.secret, bytes, context(owner));
    return { key: new DataKey(bytes), wrapped: { wrapped, key_id: ring.first.id } };
  }

  /** @throws PersonaError key_unavailable if the ring lacks the key, internal if the wrapped key was tampered with */
  static unwrap(ring: KeyRing, owner: KeyOwner, stored: WrappedKey): DataKey {
    return new DataKey(unwrapBytes(ring, owner, stored));
  }

  /**
   * The same key wrapped by the ring's first key.
   * @throws PersonaError key_unavailable, internal as `unwrap`
   */
  static rewrap(ring: KeyRing, owner: KeyOwner, stored: WrappedKey): WrappedKey {
    const wrapped = seal(ring.first.secret, unwrapBytes(ring, owner, stored), context(owner));
    return { wrapped, key_id: ring.first.id };
  }

  seal(value: string, label: string, id: string, field: string): string {
    const sealed = seal(this.#secret, value, { label, id, field });
    this.#sealed.set(sealed, { context: pathOf(label, id, field), value });
    return sealed;
  }

  /** @throws PersonaError internal if the value belongs elsewhere or was changed */
  open(sealed: string, label: string, id: string, field: string): string {
    const cached = this.#sealed.get(sealed);
    if (cached?.context === pathOf(label, id, field)) return cached.value;
    return unsealOrThrow(
      () => open(this.#secret, sealed, { label, id, field }),
      `${label}.${field}`,
    ).toString('utf8');
  }
}

function unwrapBytes(ring: KeyRing, owner: KeyOwner, stored: WrappedKey): Buffer {
  const named = ring.find(stored.key_id);
  // A read during a rotation may see the old id with the new wrapping, or the reverse: then another key opens it.
  const candidates = [...(named ? [named] : []), ...ring.keys.filter((key) => key !== named)];
  for (const { secret } of candidates) {
    const bytes = openOrUndefined(secret, stored.wrapped, owner);
    if (bytes !== undefined) return bytes;
  }
  if (named !== undefined) throw new PersonaError('internal', `${owner.label} cannot be unsealed`);
  throw new PersonaError(
    'key_unavailable',
    `PERSONA_KEYS lacks the key ${stored.key_id}, which stored data requires`,
  );
}

function openOrUndefined(secret: KeyObject, wrapped: string, owner: KeyOwner): Buffer | undefined {
  try {
    return open(secret, wrapped, context(owner));
  } catch {
    return undefined;
  }
}

const pathOf = (...context: [label: string, id: string, field: string]) => context.join('\0');

function context(owner: KeyOwner): EncryptionContext {
  return { label: owner.label, id: owner.id, field: 'key' };
}

function unsealOrThrow(work: () => Buffer, what: string): Buffer {
  try {
    return work();
  } catch (cause) {
    throw new PersonaError('internal', `${what} cannot be unsealed`, { cause });
  }
}
