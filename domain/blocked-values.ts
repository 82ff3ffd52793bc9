/** Values that identify no customer (docs/reference/graph.md, 'Identifiers and blocked values'). */

export type IdentityKind = 'email' | 'phone_number' | 'device_fingerprint';

/** Placeholders that forms and SDKs send instead of a missing value. */
const PLACEHOLDERS = new Set([
  'null',
  'undefined',
  'none',
  'nil',
  'nan',
  'n/a',
  'unknown',
  'anonymous',
  '(null)',
]);

/**
 * Whether a value identifies no customer, regardless of its sender. Such a value never becomes an identifier, a device or
 * evidence of a match.
 * @param value - normalised or as received
 * @param blockedValues - policy `onboarding.blockedValues`; `*` matches any text
 */
export function isBlocked(kind: IdentityKind, value: string, blockedValues: readonly string[]): boolean {
  const text = value.trim().toLowerCase();
  const at = kind === 'email' ? text.lastIndexOf('@') : -1;
  const name = at < 0 ? text : text.slice(0, at);
  return (
    name === '' ||
    PLACEHOLDERS.has(name) ||
    isFiller(kind, text) ||
    blockedValues.some((pattern) => matches(pattern.trim().toLowerCase(), text))
  );
}

/** All zeros; for a fingerprint also any other single character repeated, which no hash produces. */
function isFiller(kind: IdentityKind, text: string): boolean {
  if (kind === 'email') return /^0+@/.test(text);
  if (kind === 'phone_number') return /^(\+\d{1,3})?0+$/.test(text.replace(/[\s().-]/g, ''));
  return /^(.?)\1*$/.test(text.replace(/[\s:_-]/g, '')) || /^0x0+$/.test(text);
}

/** `*` in a pattern matches any text. Without a regular expression: compiling one per pattern costs more than the rest. */
function matches(pattern: string, text: string): boolean {
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of others) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.endsWith(last) && text.length - last.length >= at;
}
