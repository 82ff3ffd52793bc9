/** The OpenAPI document is accurate: what a body's shape refuses, the rules of `domain/` refuse at the same place. */

import type { z } from '@hono/zod-openapi';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatRules } from '../../../domain/onboarding/formats.ts';
import { addressChange, addressChangeShape } from './addresses.ts';
import { fraudOutcome, fraudOutcomeShape } from './fraud.ts';
import { onboardingRequest, onboardingShape } from './onboarding.ts';
import { paymentFailed, paymentFailedShape, paymentSettled, paymentSettledShape } from './recoveries.ts';
import {
  identifierVerification,
  identifierVerificationShape,
  profileChange,
  profileChangeShape,
} from './profile.ts';
import { methodChange, methodChangeShape, newPaymentMethod, newPaymentMethodShape } from './wallet.ts';

const ID = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';
const AT = '2026-04-18T10:00:00Z';
const onboarding = {
  transaction_id: 't-1',
  customer_id: ID,
  gateway_customer_ref: 'cus_1',
  customer_metadata: { segment: 'VIP', locale: 'de-DE', ltv: '12.50' },
  payment_method_details: {
    ...{ type: 'card', token: 'pm_1', brand: 'visa', network: 'visa', last_four: '4242' },
    ...{ expiry_month: 12, expiry_year: 2030, instrument_fingerprint: 'fp', off_session_consent: true },
    consent_source: 'checkout',
  },
  device_details: { fingerprint: 'fp', ip: '192.0.2.1', user_agent: 'Browser', trust_score: 0.5 },
  address_details: {
    ...{ street1: 'A 1', street2: 'B', city: 'Wien', state: 'W', zip_code: '1010', country: 'AT' },
    ...{ type: 'shipping', is_verified: true },
  },
  digital_identifiers: [{ type: 'email', value: 'ada@shop.example', is_verified: true }],
  email: 'ada@shop.example',
  phone: '+43 1 234567',
  behavioral_data_snapshot: { clicks: 3 },
  occurred_at: AT,
};
const settled = {
  event_id: 'settled-1',
  payment_id: 'invoice-1',
  customer_id: '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11',
  settled_at: '2026-04-18T11:58:00Z',
  gateway_payment_ref: 'pi_1',
};
const fraud = {
  ...{ event_id: 'evt-1', case_id: 'case-1', outcome: 'suspected', customer_id: ID, device_id: ID },
  ...{ new_trust_score: 0.2, payment_method_id: ID, reason: 'r', occurred_at: AT },
};
const failure = {
  ...{ event_id: 'evt-1', payment_id: 'pay-1', customer_id: ID, payment_method_id: ID, amount: 1250 },
  ...{ currency: 'EUR', kind: 'recurring', occurred_at: AT, status: 'declined', gateway_payment_ref: 'pi_1' },
  ...{ network: 'visa', network_code: '51', network_advice_code: '02', code: 'card_declined' },
  ...{ decline_code: 'insufficient_funds', advice_code: 'try_again_later', reason: 'r', description: 'd' },
};
const method = { type: 'card', token: 'pm_1', device_id: ID, off_session_consent: true };
const home = {
  ...{ street1: 'A 1', street2: 'B', city: 'Wien', state: 'W', zip_code: '1010', country: 'AT' },
  ...{ type: 'shipping', is_default: true },
};
const edit = { locale: 'de-AT', identifiers: [{ type: 'email', value: 'ada@shop.example' }] };
const change = { expiry_month: 12, expiry_year: 2031, off_session_consent: false };

/** Messages of zod, which must not occur: `Invalid input: expected string, received number`, `Too big: …`. */
const ZOD_WORDING = /invalid|expected|received|too (big|small)/i;
const anything = fc.oneof(
  fc.constantFrom<unknown>(null, '', true, 0, -1, 1.5, 13, 1999, 2101, [], {}, ['a'], [null], { type: 1 }),
  fc.string({ maxLength: 6 }),
  fc.integer({ min: 3, max: 2_000 }).map((length) => 'x'.repeat(length)),
);

test.each([
  ['an onboarding', onboarding, onboardingShape, onboardingRequest(formatRules())],
  ['a reported failure', failure, paymentFailedShape, paymentFailed],
  ['a change of a method', change, methodChangeShape, methodChange],
  ['a settlement', settled, paymentSettledShape, paymentSettled],
  ['a fraud outcome', fraud, fraudOutcomeShape, fraudOutcome],
  ['an address', home, addressChangeShape, addressChange],
  ['a profile', edit, profileChangeShape, profileChange(formatRules())],
  ['a verification', { evidence: 'e' }, identifierVerificationShape, identifierVerification],
  ['a new payment method', method, newPaymentMethodShape, newPaymentMethod],
])(
  '%s: the document and the rules agree, with the messages of the rules',
  (_, document, shape: z.ZodType, body: z.ZodType) => {
    expect(body.safeParse(document).error).toBeUndefined();
    fc.assert(
      fc.property(fc.constantFrom(...fieldPathsIn(document)), anything, (fieldPath, value) => {
        const broken = withValueAt(document, fieldPath, value);
        const issues = body.safeParse(broken).error?.issues ?? [];
        for (const { message } of issues) expect(message).not.toMatch(ZOD_WORDING);
        const shapeIssues = shape.safeParse(broken).error?.issues ?? [];
        const reportedPaths = issues.map(({ path }) => path.join('.'));
        // An empty string counts as an absent field, which JSON Schema cannot express.
        if (value !== '')
          expect(reportedPaths).toEqual(
            expect.arrayContaining(shapeIssues.map(({ path }) => path.join('.'))),
          );
      }),
      { numRuns: 1_000 },
    );
  },
);

type FieldPath = readonly (string | number)[];

/** The paths of all fields at every depth, and of the whole document. */
function fieldPathsIn(value: unknown, path: FieldPath = []): FieldPath[] {
  if (typeof value !== 'object' || value === null) return [path];
  const key = (name: string) => (Array.isArray(value) ? Number(name) : name);
  return [path, ...Object.entries(value).flatMap(([name, part]) => fieldPathsIn(part, [...path, key(name)]))];
}

function withValueAt(document: unknown, [first, ...rest]: FieldPath, value: unknown): unknown {
  if (first === undefined) return value;
  const copy: any = structuredClone(document);
  copy[first] = withValueAt(copy[first], rest, value);
  return copy;
}
