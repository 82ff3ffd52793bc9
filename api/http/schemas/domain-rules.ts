import { z } from '@hono/zod-openapi';
import type { ValidationFailure } from '../../../domain/validation.ts';

/**
 * A body that is described by `shape` and validated by the rules of `domain/` only: they apply to every interface, so
 * that problems have the same messages, and only they treat an empty string as an absent field. `shape` documents what
 * they accept (`schemas.test.ts` keeps the two consistent) and gives the body its type.
 *
 * @param shape made of loose objects, so that the rules also see unknown fields
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
      // Also if the shape has found issues.
      def: { check: 'custom', when: () => true },
      onattach: [],
    },
  });
}

function issuePath(field: string): (string | number)[] {
  const parts = field === '' ? [] : field.replaceAll(/\[(\d+)\]/g, '.$1').split('.');
  return parts.map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

/** An optional field; `null` is the same as absent. */
export function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish();
}

/** An integer in a body. (Not `z.int()`: a failure of that ends validation before the domain rules run.) */
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
