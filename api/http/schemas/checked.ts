import { z } from '@hono/zod-openapi';
import type { Refused } from '../../../domain/checks.ts';

/**
 * A body that is described by `shape` and must also pass the rules of `domain/`, which hold at every entrance. What
 * both find is reported together: the caller learns everything at once. An empty text is the same as no field there, so
 * those rules alone judge it.
 *
 * @param shape made of loose objects, so that the rules also see fields that nobody reads
 */
export function checked<T extends z.ZodType>(
  shape: T,
  validate: (input: unknown) => { ok: true } | Refused,
): T {
  return shape.check({
    _zod: {
      check(payload) {
        payload.issues = payload.issues.filter(({ path }) => path && valueAt(payload.value, path) !== '');
        const result = validate(payload.value);
        if (result.ok) return;
        const named = new Set(payload.issues.map((issue) => JSON.stringify(issue.path)));
        for (const { field, message } of result.problems) {
          const path = pathOf(field);
          if (named.has(JSON.stringify(path))) continue;
          payload.issues.push({
            code: 'custom',
            path,
            message,
            params: { type: result.type },
            input: undefined,
            continue: true,
          });
        }
      },
      // Also when the shape is wrong already.
      def: { check: 'custom', when: () => true },
      onattach: [],
    },
  });
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (part, key) => (part as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
}

function pathOf(field: string): (string | number)[] {
  const parts = field === '' ? [] : field.replaceAll(/\[(\d+)\]/g, '.$1').split('.');
  return parts.map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

/** An optional field; `null` says the same as its absence. */
export function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish();
}

export const uuid = z
  .string()
  .regex(/^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$/, 'must be a UUID')
  .openapi({ format: 'uuid', example: '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11' });
export const time = z
  .string()
  .openapi({ format: 'date-time', description: 'RFC 3339', example: '2026-04-18T10:00:00Z' });
