import { validationError } from '../domain/errors.ts';
import type { Page } from './views.ts';

/** The maximum page size. */
export const MAX_PAGE = 100;

/**
 * One page of a complete list. The cursor holds the sort key of the page's last entry, so that entries added or removed
 * between two pages neither repeat nor hide others.
 *
 * @param items sorted by `keyOf`, ascending
 * @param keyOf strings, compared one after the other; unique per entry
 * @throws PersonaError invalid_argument for a cursor that is not from a page
 */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => readonly string[],
  request: { limit: number; cursor?: string },
): Page<T> {
  const after = request.cursor === undefined ? undefined : readCursor(request.cursor);
  const rest = after === undefined ? items : items.filter((item) => compareKeys(keyOf(item), after) > 0);
  return firstPageOf(rest, keyOf, request.limit);
}

/**
 * The first page of a list.
 *
 * @param found the list, or at least one entry more than fits, which shows that there is a next page
 */
export function firstPageOf<T>(
  found: readonly T[],
  keyOf: (item: T) => readonly string[],
  limit: number,
): Page<T> {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return found.length > limit && last !== undefined
    ? { items, next_cursor: writeCursor(keyOf(last)) }
    : { items };
}

/** Sorts by the first string that differs. */
export function compareKeys(a: readonly string[], b: readonly string[]): number {
  for (const [index, text] of a.entries()) {
    const other = b[index] ?? '';
    if (text !== other) return text < other ? -1 : 1;
  }
  return a.length - b.length;
}

/** An opaque string for a position in a list. */
export function writeCursor(key: readonly string[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/** @throws PersonaError invalid_argument for a cursor that is not from a page */
export function readCursor(cursor: string): string[] {
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(key) && key.every((part) => typeof part === 'string')) return key;
  } catch {
    // Refused below.
  }
  return refuseCursor();
}

const ISO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/;

/**
 * The position in a list sorted by time: RFC 3339, and the id that distinguishes entries with the same time.
 *
 * @throws PersonaError invalid_argument for a cursor that is not from a page
 */
export function readTimeCursor(cursor: string): { time: string; id: string } {
  const [time = '', id = ''] = readCursor(cursor);
  // Only what the graph accepts as a time as well.
  return ISO_TIME.test(time) && !Number.isNaN(Date.parse(time)) ? { time, id } : refuseCursor();
}

/** @throws PersonaError invalid_argument */
export function refuseCursor(): never {
  throw validationError([{ field: 'cursor', message: 'must be the next_cursor of the previous page' }]);
}
