/**
 * Normalises digital identifiers to the form in which they are compared (docs/reference/graph.md, 'Identifiers and blocked values'). The result is a
 * match key: the graph hashes it, and two spellings of the same address or number give the same hash.
 *
 * Not for workflows: the phone tables are large, and the bundle check keeps them out. `domain/onboarding/validate.ts` and
 * `domain/blocked-values.ts` hold the checks that a workflow may use.
 */

import { domainToASCII } from 'node:url';
import type { CountryCode } from 'libphonenumber-js/max';
import { parsePhoneNumberFromString } from 'libphonenumber-js/max';

export type Normalised = { ok: true; value: string } | { ok: false; problem: string };

/** RFC 5321, 4.5.3.1: octets of the part before the `@` and of the whole address. */
const MAX_LOCAL_PART = 64;
const MAX_ADDRESS = 254;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$/;

/** Normalises an identifier; `region` is for phone numbers. */
export function normaliseIdentifier(
  type: 'email' | 'phone_number',
  value: string,
  region?: string,
): Normalised {
  return type === 'email' ? normaliseEmail(value) : normalisePhone(value, region);
}

/**
 * An e-mail address, trimmed, without invisible characters, in lower case and NFC, its domain in ASCII. Rules of a single
 * provider (Gmail's dots and `+tags`) are not applied: at another provider those are two people.
 */
export function normaliseEmail(value: string): Normalised {
  // Lower-casing can leave a decomposed letter behind (İ), so NFC comes after it.
  const text = stripInvisible(value).toLowerCase().normalize('NFC');
  const at = text.lastIndexOf('@');
  const local = text.slice(0, at);
  if (at < 1 || /[\s\p{Cc}"(),:;<>@[\\\]]/u.test(local)) return refuse('must be an e-mail address');
  if (local.startsWith('.') || local.endsWith('.') || local.includes('..'))
    return refuse('has a misplaced dot before the @');
  const typedDomain = text.slice(at + 1);
  // A URL parser gives percent signs and brackets a meaning that they lack in an e-mail domain.
  const domain = /[\s%[\]/?#:\\]/.test(typedDomain) ? '' : domainToASCII(typedDomain);
  if (!HOST_NAME.test(domain) || /\.\d+$/.test(domain)) return refuse('has no valid domain after the @');
  const address = `${local}@${domain}`;
  if (octets(local) > MAX_LOCAL_PART || octets(address) > MAX_ADDRESS) return refuse('is too long');
  return { ok: true, value: address };
}

/**
 * A phone number in E.164. `region` (ISO 3166-1 alpha-2) applies to a number without a country code.
 *
 * Checks whether the number is *possible*, not whether its range is in use today: number plans grow faster than any
 * table, and refusing a customer's new number loses the customer.
 */
export function normalisePhone(value: string, region?: string): Normalised {
  // `(+49) 151 …`; NFKC converts other characters for plus and digits.
  const text = stripInvisible(value)
    .normalize('NFKC')
    .replace(/^\(\s*(\+[\d\s]+)\)/, '$1');
  const parsed = parsePhoneNumberFromString(text, {
    defaultCountry: region?.toUpperCase() as CountryCode | undefined,
    extract: false,
  });
  if (!parsed?.isPossible()) {
    return refuse(
      region === undefined
        ? 'must be a phone number with its country code, such as +4915112345678'
        : 'must be a phone number',
    );
  }
  if (parsed.ext !== undefined) return refuse('must be a phone number without an extension');
  return { ok: true, value: parsed.number };
}

/** Removes invisible characters, which are copied along with a name or a number. */
function stripInvisible(value: string): string {
  return value.replace(/\p{Cf}/gu, '').trim();
}

function octets(text: string): number {
  return new TextEncoder().encode(text).length;
}

function refuse(problem: string): Normalised {
  return { ok: false, problem };
}
