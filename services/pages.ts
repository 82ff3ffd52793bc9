import { invalid } from '../domain/errors.ts';
import type { Page } from './views.ts';

/** Entries of the longest page. */
export const MAX_PAGE = 100;

/**
 * One page of a list that is at hand as a whole. The cursor holds the sort key of the page's last entry, so that
 * entries which come or go between two pages neither repeat nor hide others.
 *
 * @param items sorted by `keyOf`, ascending
 * @param keyOf texts, compared one after the other; they tell every two entries apart
 * @throws PersonaError invalid_argument for a cursor that no page gave
 */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => readonly string[],
  request: { limit: number; cursor?: string },
): Page<T> {
  const after = request.cursor === undefined ? undefined : readCursor(request.cursor);
  const rest = after === undefined ? items : items.filter((item) => compareKeys(keyOf(item), after) > 0);
  const page = rest.slice(0, request.limit);
  const last = page.at(-1);
  return rest.length > page.length && last !== undefined
    ? { items: page, next_cursor: writeCursor(keyOf(last)) }
    : { items: page };
}

/** Sorts by the first text that differs. */
export function compareKeys(a: readonly string[], b: readonly string[]): number {
  for (const [index, text] of a.entries()) {
    const other = b[index] ?? '';
    if (text !== other) return text < other ? -1 : 1;
  }
  return a.length - b.length;
}

/** An opaque text for a place in a list. */
export function writeCursor(key: readonly string[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/** @throws PersonaError invalid_argument for a cursor that no page gave */
export function readCursor(cursor: string): string[] {
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(key) && key.every((part) => typeof part === 'string')) return key;
  } catch {
    // Refused below.
  }
  throw invalid([{ field: 'cursor', message: 'must be the next_cursor of the page before' }]);
}
