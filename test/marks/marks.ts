/** Random values for personal fields and secrets, by which these are recognised wherever they turn up. */

import { randomBytes, randomInt } from 'node:crypto';
import { type Form, PERSONAL, personalFieldAt } from './fields.ts';
import type { Needle } from './search.ts';

export const PSEUDONYM = 'hash of a sealed value';

/** Longer than what Neo4j stores compressed (54 characters). */
const FILLER = ' and further words so that it is long';

export class Marks {
  readonly #needles: Needle[] = [];
  readonly #sent = new Set<string>();

  /**
   * A new value for a personal field.
   * @param path where it is sent, as in `PERSONAL`
   * @param form default: the field's
   */
  draw(path: string, form?: Form): string {
    const field = personalFieldAt(path);
    this.#sent.add(path);
    const { value, core = value } = newValue(form ?? (PERSONAL[field]?.form as Form));
    this.#needles.push({ name: form && form in PERSONAL ? form : field, core, wholes: [value] });
    return value;
  }

  /** A value that was drawn before is sent in another field. @returns it */
  again(path: string, value: string): string {
    personalFieldAt(path);
    this.#sent.add(path);
    return value;
  }

  /** A text that belongs nowhere: in a field that is ignored or refused. */
  drawForeign(name: string): string {
    const { value, core = value } = newValue('text');
    this.#needles.push({ name, core, wholes: [value] });
    return value;
  }

  /** A number of a card that exists nowhere: of Visa, with its check digit. */
  drawCardNumber(): string {
    const digits = [4, ...Array.from({ length: 14 }, () => randomInt(10))];
    const sum = digits.reduce((total, digit, index) => {
      const weighted = index % 2 === 0 ? digit * 2 : digit;
      return total + (weighted > 9 ? weighted - 9 : weighted);
    }, 0);
    const number = [...digits, (10 - (sum % 10)) % 10].join('');
    this.#needles.push({ name: 'card number', core: number, wholes: [number] });
    return number;
  }

  /** A secret that exists already. */
  addSecret(name: string, core: string | Buffer): void {
    this.#needles.push({ name, core, wholes: [core] });
  }

  /** The hash by which a sealed value is found. */
  addPseudonym(hash: string): void {
    this.#needles.push({ name: PSEUDONYM, core: hash, wholes: [] });
  }

  /** Everything drawn so far. */
  needles(): readonly Needle[] {
    return this.#needles;
  }

  /** Paths in which callers send personal data, and no mark was drawn for. */
  neverSent(): string[] {
    return Object.values(PERSONAL)
      .flatMap(({ sent }) => sent)
      .filter((path) => !this.#sent.has(path));
  }
}

/** 124 bits, in lower case, so that no normalisation changes it. */
export function randomCore(): string {
  return `m${BigInt(`0x${randomBytes(16).toString('hex')}`)
    .toString(36)
    .padStart(25, '0')
    .slice(-23)}`;
}

function newValue(form: Form): { value: string; core?: string } {
  const core = randomCore();
  switch (form) {
    case 'text':
      return { value: core + FILLER, core };
    case 'email':
      return { value: `${core}.with.a.long.name.before.its@marks.shop.example`, core };
    case 'phone_number': {
      const value = `+49151${String(randomInt(1e8)).padStart(8, '0')}`;
      return { value, core: value.slice(1) };
    }
    case 'ip':
      return { value: ['2a01', ...Array.from({ length: 7 }, ipGroup)].join(':') };
    case 'token':
      return { value: `pm_${core}${'x'.repeat(40)}`, core };
    case 'gateway_customer_ref':
      return { value: `cus_${core}${'x'.repeat(40)}`, core };
    case 'instrument_fingerprint':
      return { value: `fp_${core}${'x'.repeat(40)}`, core };
  }
}

/** Four hexadecimal digits, the first not zero. */
const ipGroup = () => randomInt(0x1000, 0x1_0000).toString(16);
