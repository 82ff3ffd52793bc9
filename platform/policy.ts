/** Reads the policy: `config/policy.json`, overridden by the file that PERSONA_POLICY_FILE names. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { isCountry } from '../domain/countries.ts';
import { isCurrency } from '../domain/money.ts';
import { Topic } from '../domain/outbox/topics.ts';
import type { Policy } from '../domain/policy.ts';
import { parseDuration } from './duration.ts';

const DEFAULTS_FILE = fileURLToPath(new URL('../config/policy.json', import.meta.url));

const duration = z.union([z.string(), z.int()]).transform((value, context) => {
  const milliseconds = parseDuration(String(value));
  if (milliseconds !== undefined) return milliseconds;
  context.addIssue({ code: 'custom', message: 'must be a duration such as "14 d" or "PT2H"' });
  return z.NEVER;
});
const kept = duration.refine((milliseconds) => milliseconds >= 30 * 86_400_000, 'must be at least 30 days');
const share = z.number().min(0).max(1);
const count = z.int().min(1);
const link = z.url({ protocol: /^https?$/, error: 'must be an http or https address' });

/** Each value in its file format, with a description. */
export const policySchema = z.strictObject({
  reportingCurrency: z
    .string()
    .refine(isCurrency, 'must be an ISO 4217 code such as USD')
    .describe(
      'Currency of the lifetime value; payments in other currencies are recorded but not added to it',
    ),
  trust: z.strictObject({
    initial: share.describe('Trust score of a device that has not been rated yet'),
    threshold: share.describe('A device with this score or a higher one is trusted'),
    halfLife: duration
      .refine((milliseconds) => milliseconds > 0, 'must be longer than 0')
      .optional()
      .describe('Half-life of the observations of a device; without it they do not decay'),
  }),
  context: z.strictObject({
    vipLtvMinor: z.int().min(0).describe('Lifetime value, in minor units, from which a customer is a VIP'),
    maxStalenessMs: z
      .int()
      .min(0)
      .describe('Maximum age of an eventual context, in milliseconds; 0: never cached'),
    maxOutageStalenessMs: z
      .int()
      .min(0)
      .describe('The same, marked `stale`, while Neo4j does not respond; 0: no stale context is returned'),
    deviceWindow: count.describe("Number of a customer's most recent devices that a context considers"),
  }),
  onboarding: z.strictObject({
    deviceMatch: z
      .enum(['suggest', 'attach'])
      .describe('A customer recognised only by the device: `suggest` a match, or `attach` to that customer'),
    limits: z.strictObject({
      email: count.describe('An e-mail address linked to more customers than this is not used for matching'),
      phone: count.describe('The same for a phone number'),
      device: count.describe('The same for a device'),
    }),
    verifyWait: duration.describe('How long a response waits for the gateway to verify a new payment method'),
    phoneRegion: z
      .string()
      .refine(isCountry, 'must be an ISO 3166-1 alpha-2 code such as DE')
      .optional()
      .describe('Country of a phone number without a country code if the request has no address'),
    blockedValues: z
      .array(z.string().min(1))
      .describe('Values that do not identify a customer, in lower case; `*` matches any text'),
  }),
  recovery: z.strictObject({
    window: duration.describe(
      'How long an unpaid obligation stays open after the cascade; 0: it ends immediately',
    ),
    requireTrustedDevice: z
      .boolean()
      .describe('Charge only methods that the customer used on a trusted device'),
    swapDefault: z.boolean().describe('The method that was charged replaces a default that failed'),
    cascadeOnHard: z.boolean().describe('Try other methods even after a hard decline'),
    maxEventAge: duration.describe('A reported failure older than this is ignored'),
    refundDuplicate: z.boolean().describe('Refund a second success of one obligation'),
    retry: z.strictObject({
      LATER: z
        .array(duration)
        .describe('When a method that may succeed later is retried, counted from its first decline'),
      TECH: z.array(duration).describe('The same after a technical failure at the network or the issuer'),
    }),
    unknown: z
      .array(duration)
      .describe('Successive delays before the gateway is queried about a charge of unknown outcome'),
    pending: z.array(duration).describe('The same for a pending charge; bank debits are pending for days'),
  }),
  gateway: z.strictObject({
    maxPerSecond: z
      .number()
      .positive()
      .describe('Calls to the payment gateway per second, across all workers'),
  }),
  fraud: z.strictObject({
    reviewReminder: duration.describe(
      'How long after a suspicion operations are reminded that it awaits a decision',
    ),
    reviewDeadline: duration.describe('How long after a suspicion it is decided automatically'),
    reviewDefault: z
      .enum(['suspend', 'clear'])
      .describe('The automatic decision: `suspend` the customer, or `clear` the suspicion'),
  }),
  expiry: z.strictObject({
    frequentUseCount: count.describe(
      'A card used this often, and within the last 90 days, is treated like a default before it expires',
    ),
    stages: z
      .array(z.int().min(0).max(366))
      .refine((days) => new Set(days).size === days.length, 'must name each day once')
      .describe("Days before a card's last valid day on which its customer is notified, once each"),
  }),
  reconcile: z.strictObject({
    cycle: duration
      .refine((milliseconds) => milliseconds >= 86_400_000, 'must be at least one day')
      .describe('Period in which each wallet is compared with the gateway; at least one day'),
  }),
  retention: z.strictObject({
    idempotency: duration
      .refine((milliseconds) => milliseconds >= 86_400_000, 'must be at least one day')
      .describe('Retention of the receipts of Idempotency-Key headers'),
    receipts: duration
      .refine((milliseconds) => milliseconds >= 90 * 86_400_000, 'must be at least 90 days')
      .describe('Retention of the receipts of events and transactions; older requests are refused as stale'),
    sightings: kept.describe("Retention of a device's last IP address and user agent"),
    recovery: kept.describe('Retention of the descriptions and notices of closed recoveries'),
    disclosures: kept.describe('Retention of the list of disclosures'),
    financial: kept.describe('Retention of the payments that an erasure has left, after their last movement'),
  }),
  catalogue: z.strictObject({
    additionalTypes: z
      .array(z.string().regex(/^[a-z0-9-]{1,50}$/, 'must consist of at most 50 of a–z, 0–9 and "-"'))
      .describe("Types of agents' personas besides the four that always exist"),
    metricsFor: duration
      .refine((milliseconds) => milliseconds >= 86_400_000, 'must be at least one day')
      .describe("Retention of personas' metrics"),
  }),
  projections: z.strictObject({
    maxLag: z.strictObject({
      kafka: duration.describe(
        'Longest time after which an event is published to Kafka; `persona projections` and `persona doctor` fail beyond it',
      ),
      contextCache: duration.describe('The same until every cached context has the event'),
    }),
  }),
  privacy: z.strictObject({
    contestReminder: duration.describe(
      'How long after a contest operations are reminded that it awaits a decision',
    ),
    erasureGrace: duration.describe(
      'How long an erasure waits, hidden, and can be taken back; 0: not at all',
    ),
    deadline: duration.describe("How long a person's request may take before it is overdue"),
    recipients: z
      .array(
        z.strictObject({
          recipient: z.string().min(1).max(64),
          purpose: z.string().min(1).max(128),
          topics: z.array(z.enum(Object.values(Topic))).min(1),
        }),
      )
      .describe('Who reads which topics, and for what, as the list of disclosures shows it to the person'),
  }),
  traces: z.strictObject({
    sampleRatio: share.describe('Share of requests and records without a trace of their own that are traced'),
    maxCallerSampledPerSecond: z
      .number()
      .min(0)
      .describe(
        'How many requests and records per second and process are traced because their sender traces them; the share above applies to further ones',
      ),
  }),
  links: z.strictObject({
    wallet: link.describe('URL where a customer edits the wallet; {customer_id} is filled in'),
    recovery: link.describe(
      'URL where a customer sees an unpaid payment; {customer_id} and {payment_id} are filled in',
    ),
    erasure: link.describe('URL of the page of an erasure; {erasure_id} is filled in'),
  }),
}) satisfies z.ZodType<Policy>;

/** All problems of the policy. */
export class PolicyError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PolicyError';
  }
}

/**
 * @param file JSON with the values that override the defaults; lists are replaced as a whole
 * @throws PolicyError naming the file and every key that is unknown or invalid
 */
export function readPolicy(file?: string): Policy {
  const defaults = parse(DEFAULTS_FILE);
  const result = policySchema.safeParse(file === undefined ? defaults : overlay(defaults, parse(file)));
  if (result.success) return result.data;
  const lines = result.error.issues.flatMap(describe).map((line) => `  ${line}`);
  throw new PolicyError(`The policy in ${file ?? DEFAULTS_FILE} is invalid:\n${lines.join('\n')}`);
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
    return issue.keys.map((key) => `${[...issue.path, key].join('.')}: is not a known key`);
  return [`${path === '' ? 'the file' : path}: ${issue.message}`];
}
