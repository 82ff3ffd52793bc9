/** Reads policy: `config/policy.json`, and over it the file that PERSONA_POLICY_FILE names. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { isCountry } from '../domain/countries.ts';
import { isCurrency } from '../domain/money.ts';
import type { Policy } from '../domain/policy.ts';
import { parseDuration } from './duration.ts';

const DEFAULTS_FILE = fileURLToPath(new URL('../config/policy.json', import.meta.url));

const duration = z.union([z.string(), z.int()]).transform((value, context) => {
  const milliseconds = parseDuration(String(value));
  if (milliseconds !== undefined) return milliseconds;
  context.addIssue({ code: 'custom', message: 'must be a duration such as "14 d" or "PT2H"' });
  return z.NEVER;
});
const share = z.number().min(0).max(1);
const count = z.int().min(1);
const link = z.url({ protocol: /^https?$/, error: 'must be an http or https address' });

/** Each value as the file writes it, with what it means. */
export const policySchema = z.strictObject({
  reportingCurrency: z
    .string()
    .refine(isCurrency, 'must be an ISO 4217 code such as USD')
    .describe('Currency of the life-time value; payments in others are recorded and not added to it'),
  trust: z.strictObject({
    initial: share.describe('Trust score of a device that nobody has rated yet'),
    threshold: share.describe('A device with this score or a higher one is trusted'),
    halfLife: duration
      .refine((milliseconds) => milliseconds > 0, 'must be longer than 0')
      .optional()
      .describe('In what time half of what was observed of a device is forgotten; without it nothing is'),
  }),
  context: z.strictObject({
    vipLtvMinor: z.int().min(0).describe('Life-time value, in minor units, from which a customer is a VIP'),
    maxStalenessMs: z
      .int()
      .min(0)
      .describe('How old an eventual context may be, in milliseconds; 0: never cached'),
    deviceWindow: count.describe("How many of a customer's newest devices a context looks at"),
  }),
  onboarding: z.strictObject({
    deviceMatch: z
      .enum(['suggest', 'attach'])
      .describe('A person known by the device alone: `suggest` a match, or `attach` to that customer'),
    limits: z.strictObject({
      email: count.describe('An e-mail linked to more customers than this is no evidence of who somebody is'),
      phone: count.describe('The same for a phone number'),
      device: count.describe('The same for a device'),
    }),
    verifyWait: duration.describe('How long an answer waits for the gateway to verify a new payment method'),
    phoneRegion: z
      .string()
      .refine(isCountry, 'must be an ISO 3166-1 alpha-2 code such as DE')
      .optional()
      .describe('Country of a phone number without a country code that comes without an address'),
    blockedValues: z
      .array(z.string().min(1))
      .describe('Values that identify nobody, in lower case; `*` stands for any text'),
  }),
  recovery: z.strictObject({
    window: duration.describe(
      'How long an unpaid obligation stays open after the cascade; 0: it ends at once',
    ),
    requireTrustedDevice: z
      .boolean()
      .describe('Charge only methods that the customer used on a trusted device'),
    swapDefault: z.boolean().describe('The method that was charged takes the place of a default that failed'),
    cascadeOnHard: z.boolean().describe('Try other methods also after a hard decline'),
    maxEventAge: duration.describe('A reported failure that is older than this is ignored'),
    refundDuplicate: z.boolean().describe('Give back a second success of one obligation'),
    retry: z.strictObject({
      LATER: z
        .array(duration)
        .describe('When a method that may work later is tried again, counted from its first decline'),
      TECH: z.array(duration).describe('The same after trouble at the network or the issuer'),
    }),
    unknown: z
      .array(duration)
      .describe('Waits, one after the other, before the gateway is asked about a charge of unknown outcome'),
    pending: z
      .array(duration)
      .describe('The same for a charge that is on its way, as bank debits are for days'),
  }),
  gateway: z.strictObject({
    maxPerSecond: z
      .number()
      .positive()
      .describe('Calls to the payment gateway per second, all workers together'),
  }),
  fraud: z.strictObject({
    reviewReminder: duration.describe(
      'How long after a suspicion operations are reminded that it awaits a person',
    ),
    reviewDeadline: duration.describe('How long after a suspicion it is decided without a person'),
    reviewDefault: z
      .enum(['suspend', 'clear'])
      .describe('What is decided then: `suspend` the customer, or `clear` the suspicion'),
  }),
  expiry: z.strictObject({
    frequentUseCount: count.describe(
      'A card that was used this often, and within 90 days, is looked after like a default before it expires',
    ),
    stages: z
      .array(z.int().min(0).max(366))
      .refine((days) => new Set(days).size === days.length, 'must name each day once')
      .describe("How many days before a card's last one its customer is written to, once for each"),
  }),
  reconcile: z.strictObject({
    cycle: duration
      .refine((milliseconds) => milliseconds >= 86_400_000, 'must be a day at least')
      .describe('Within what time each wallet is compared with the gateway; a day at least'),
  }),
  retention: z.strictObject({
    receipts: duration
      .refine((milliseconds) => milliseconds >= 90 * 86_400_000, 'must be 90 days at least')
      .describe(
        'How long it is remembered that an event or a transaction was carried out; an older one is refused as stale',
      ),
  }),
  links: z.strictObject({
    wallet: link.describe('Where a customer edits the wallet; {customer_id} is filled in'),
    recovery: link.describe(
      'Where a customer sees an unpaid payment; {customer_id} and {payment_id} are filled in',
    ),
  }),
}) satisfies z.ZodType<Policy>;

/** What is wrong with the policy, every key at once. */
export class PolicyError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PolicyError';
  }
}

/**
 * @param file JSON with the values that differ from the defaults; lists are replaced as a whole
 * @throws PolicyError naming the file and every key that is unknown or breaks its rule
 */
export function readPolicy(file?: string): Policy {
  const defaults = parse(DEFAULTS_FILE);
  const result = policySchema.safeParse(file === undefined ? defaults : overlay(defaults, parse(file)));
  if (result.success) return result.data;
  const lines = result.error.issues.flatMap(describe).map((line) => `  ${line}`);
  throw new PolicyError(`The policy in ${file ?? DEFAULTS_FILE} is not valid:\n${lines.join('\n')}`);
}

function parse(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new PolicyError(
      `The policy file ${file} cannot be read: ${error instanceof Error ? error.message : error}`,
      {
        cause: error,
      },
    );
  }
}

function overlay(base: unknown, over: unknown): unknown {
  if (!isObject(base) || !isObject(over)) return over;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) merged[key] = overlay(base[key], value);
  return merged;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function describe(issue: z.core.$ZodIssue): string[] {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => `${[...issue.path, key].join('.')}: is not a policy`);
  return [`${path === '' ? 'the file' : path}: ${issue.message}`];
}
