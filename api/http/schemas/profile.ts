import { z } from '@hono/zod-openapi';
import type { FormatRules } from '../../../domain/onboarding/types.ts';
import { readIdentifierVerification, readProfileChange } from '../../../domain/profile-change.ts';
import { optional, withDomainRules } from './domain-rules.ts';

export const profileChangeShape = z.looseObject({
  locale: optional(z.string().max(35)).openapi({
    description: 'A language tag; absent: unchanged',
    example: 'de-AT',
  }),
  identifiers: optional(
    z
      .array(
        z.looseObject({
          type: z.enum(['email', 'phone_number']),
          value: z.string().max(254).openapi({ example: 'ada@shop.example' }),
        }),
      )
      .max(20),
  ).openapi({
    description:
      'The complete list: new ones are unverified, missing ones are removed, the others remain as they are; absent: unchanged',
  }),
});

/** @param forms including the policy's: their problems are reported together with all others */
export function profileChange(forms: FormatRules) {
  return withDomainRules(profileChangeShape, (input) => readProfileChange(input, forms)).openapi(
    'ProfileChange',
    { description: 'Fields that Persona alone sets, such as segment, status and is_verified, are refused.' },
  );
}

export const identifierVerificationShape = z.looseObject({
  evidence: z.string().min(1).max(1000).openapi({
    description: 'What shows it, in one line; kept encrypted, and returned by no interface',
    example: 'code sent to the address and returned, challenge 7f3a',
  }),
});
export const identifierVerification = withDomainRules(
  identifierVerificationShape,
  readIdentifierVerification,
).openapi('IdentifierVerification');
