/** Removes card numbers from a record that is kept although it could not be processed. */

import { findCardNumber } from '../pan.ts';

const MASK = '*'.charCodeAt(0);
const DIGIT = /\d/;

/**
 * A copy of a record's bytes in which the digits of every card number are asterisks, whatever its encoding: Avro and JSON
 * both hold texts as they are. Lengths and positions stay, so that it can still be decoded.
 */
export function maskCardNumbers(bytes: Uint8Array): Uint8Array {
  const masked = Uint8Array.from(bytes);
  // One character per byte, so that positions are the same in both.
  for (let text = asText(masked); ; text = asText(masked)) {
    const found = findCardNumber(text);
    if (found === undefined) return masked;
    for (let at = found.start; at < found.end; at += 1) if (DIGIT.test(text[at] ?? '')) masked[at] = MASK;
  }
}

/** Bytes beyond ASCII become a letter: the search converts other scripts, which would move positions. */
function asText(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replace(/[^\x00-\x7f]/g, '.');
}
