import { inspect } from 'node:util';

/** A value that must not be printed: it is masked when logged, serialised or converted to a string. */
export class Secret<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The unmasked value, for the place that uses it. */
  reveal(): T {
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

const MASK = '[masked]';
