/**
 * Digital identifiers in the one form under which they are compared (specification: graph, 'Nodes'). What comes out
 * is a match key: the graph hashes it, and two spellings of the same address or number give the same hash.
 *
 * Not for workflows: the phone tables are large, and the bundle check keeps them out. `domain/onboarding.ts` and
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

/** An identifier in its one form; `region` is for phone numbers. */
export function normaliseIdentifier(
  type: 'email' | 'phone_number',
  value: string,
  region?: string,
): Normalised {
  return type === 'email' ? normaliseEmail(value) : normalisePhone(value, region);
}

/**
 * An e-mail address, trimmed, without invisible characters, lower-cased, NFC, its domain in ASCII. Nothing that only one provider does (dots or
 * `+tags` of Gmail): for another provider those are two people.
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
  // Percent signs and brackets mean something to a URL parser that they do not mean in an e-mail domain.
  const domain = /[\s%[\]/?#:\\]/.test(typedDomain) ? '' : domainToASCII(typedDomain);
  if (!HOST_NAME.test(domain) || /\.\d+$/.test(domain)) return refuse('has no valid domain after the @');
  const address = `${local}@${domain}`;
  if (octets(local) > MAX_LOCAL_PART || octets(address) > MAX_ADDRESS) return refuse('is too long');
  return { ok: true, value: address };
}

/**
 * A phone number in E.164. `region` (ISO 3166-1 alpha-2) reads a number written without its country code.
 *
 * Asks whether the number is *possible*, not whether its range is in use today: number plans grow faster than any
 * table, and refusing a customer's new number loses the customer.
 */
export function normalisePhone(value: string, region?: string): Normalised {
  // `(+49) 151 …`; other characters for plus and digits are NFKC's matter.
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
        ? 'must be a phone number with its country code, like +4915112345678'
        : 'must be a phone number',
    );
  }
  if (parsed.ext !== undefined) return refuse('must be a phone number without an extension');
  return { ok: true, value: parsed.number };
}

/** Without what nobody sees and nobody types: marks that come along when a name or a number is copied. */
function stripInvisible(value: string): string {
  return value.replace(/\p{Cf}/gu, '').trim();
}

function octets(text: string): number {
  return new TextEncoder().encode(text).length;
}

function refuse(problem: string): Normalised {
  return { ok: false, problem };
}
