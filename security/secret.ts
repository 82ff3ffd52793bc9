import { inspect } from 'node:util';

const MASK = '[secret]';

/**
 * Carries a plaintext that must not end up in a log: every way of printing it gives a mask, and only `reveal` gives
 * the value. It holds the value in a private field, so that a serialiser that walks properties finds nothing.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The plaintext. Call it where the value is handed over, not earlier. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}
