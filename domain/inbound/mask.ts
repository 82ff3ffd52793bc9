/** Removes card numbers from a record that is kept although it could not be processed. */

import { findCardNumber, isIdField } from '../pan.ts';

const MASK = '*';

/** The digits of every card number become asterisks. */
export function maskCardNumbers(text: string): string {
  let masked = text;
  for (let found = findCardNumber(masked); found; found = findCardNumber(masked)) {
    const number = masked.slice(found.start, found.end).replace(/\p{Nd}/gu, MASK);
    masked = masked.slice(0, found.start) + number + masked.slice(found.end);
  }
  return masked;
}

/**
 * A record's fields without card numbers: in texts they are masked, a number that is one becomes 0. Ids stay as they are:
 * some look like card numbers by chance, and a retry needs them.
 */
export function maskFields(fields: object): object {
  const masked = Object.entries(fields).map(([name, value]: [string, unknown]) => {
    if (isIdField(name)) return [name, value];
    if (typeof value === 'string') return [name, maskCardNumbers(value)];
    return [name, typeof value === 'number' && findCardNumber(String(value)) ? 0 : value];
  });
  return Object.fromEntries(masked);
}

/** Other bytes than ASCII become spaces, which may separate the digits of a card number: also typographic ones. */
const asText = (bytes: Uint8Array) =>
  Buffer.from(bytes)
    .toString('latin1')
    .replace(/[^\p{ASCII}]/gu, ' ');

/** A binary encoding may place a text's length before it, which may look like its first digit. */
const withoutFirstDigits = (text: string) => text.replace(/(?<!\d)\d(?=\d)/g, ' ');

/** The same for bytes in an unknown encoding, in which positions stay. Ids are masked, too. */
export function maskBytes(bytes: Uint8Array): Uint8Array {
  const masked = Uint8Array.from(bytes);
  for (const view of [asText, (current: Uint8Array) => withoutFirstDigits(asText(current))]) {
    for (let found = findCardNumber(view(masked)); found; found = findCardNumber(view(masked)))
      for (let at = found.start; at < found.end; at += 1)
        if (/\d/.test(String.fromCharCode(masked[at] ?? 0))) masked[at] = MASK.charCodeAt(0);
  }
  return masked;
}
