import { z } from '@hono/zod-openapi';
import type { ValidationFailure } from '../../../domain/validation.ts';

/**
 * A body that `shape` describes and the rules of `domain/` judge, alone: they hold at every entrance, so a problem has
 * the same words at each, and only they know that an empty text is the same as no field. `shape` says in the document
 * what they take (`schemas.test.ts` holds the two together) and gives the body its type.
 *
 * @param shape made of loose objects, so that the rules also see fields that nobody reads
 */
export function withDomainRules<T extends z.ZodType>(
  shape: T,
  validate: (input: unknown) => { ok: true } | ValidationFailure,
): T {
  return shape.check({
    _zod: {
      check(payload) {
        const result = validate(payload.value);
        const problems = result.ok ? [] : result.problems.map((problem) => ({ ...problem, ...result }));
        payload.issues = problems.map(({ field, message, type }) => ({
          code: 'custom',
          path: issuePath(field),
          message,
          params: { type },
          input: undefined,
        }));
      },
      // Also when the shape found something.
      def: { check: 'custom', when: () => true },
      onattach: [],
    },
  });
}

function issuePath(field: string): (string | number)[] {
  const parts = field === '' ? [] : field.replaceAll(/\[(\d+)\]/g, '.$1').split('.');
  return parts.map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

/** An optional field; `null` says the same as its absence. */
export function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish();
}

/** A whole number in a body. (`z.int()` ends the checks where it fails, so that the rules would not be asked.) */
export function integer(minimum: number) {
  return z.number().min(minimum).openapi({ type: 'integer', minimum });
}

export function optionalInteger(minimum: number, maximum: number) {
  return optional(z.number().min(minimum).max(maximum)).openapi({
    type: ['integer', 'null'],
    minimum,
    maximum,
  });
}

export const uuid = z
  .string()
  .regex(/^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$/, 'must be a UUID')
  .openapi({ format: 'uuid', example: '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11' });
export const time = z
  .string()
  .openapi({ format: 'date-time', description: 'RFC 3339', example: '2026-04-18T10:00:00Z' });
