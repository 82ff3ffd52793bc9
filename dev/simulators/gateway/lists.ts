/** Stripe's lists: newest first, paged by ids, filtered by creation time. */

import { invalidParameter } from './errors.ts';
import type { FormObject } from './form.ts';
import { isObject, optionalInteger, optionalText } from './parameters.ts';

interface Listed {
  id: string;
  created: number;
}

/** `records`: in order of creation, already filtered by the caller's own parameters. */
export function listObject<T extends Listed>(
  records: Iterable<T>,
  query: FormObject,
  url: string,
  show: (record: T) => object,
): object {
  const all = [...records].reverse().filter((record) => createdWithin(record, query));
  const limit = optionalInteger(query, 'limit') ?? 10;
  if (limit < 1 || limit > 100) throw invalidParameter('limit', 'Invalid limit: must be 1 to 100');
  const after = optionalText(query, 'starting_after');
  const before = optionalText(query, 'ending_before');
  let page = all;
  if (after !== undefined) page = all.slice(positionOf(all, after, 'starting_after') + 1);
  if (before !== undefined) {
    const upTo = all.slice(0, positionOf(all, before, 'ending_before'));
    const shown = upTo.slice(-limit);
    return { object: 'list', data: shown.map(show), has_more: upTo.length > shown.length, url };
  }
  return { object: 'list', data: page.slice(0, limit).map(show), has_more: page.length > limit, url };
}

function positionOf(records: Listed[], id: string, param: string): number {
  const position = records.findIndex((record) => record.id === id);
  if (position < 0) throw invalidParameter(param, `No such object: '${id}'`, 'resource_missing');
  return position;
}

function createdWithin({ created }: Listed, query: FormObject): boolean {
  const range = query.created;
  if (range === undefined) return true;
  if (!isObject(range)) return created === optionalInteger(query, 'created');
  const { gt, gte, lt, lte } = Object.fromEntries(
    ['gt', 'gte', 'lt', 'lte'].map((bound) => [bound, optionalInteger(range, bound)]),
  );
  return (
    (gt === undefined || created > gt) &&
    (gte === undefined || created >= gte) &&
    (lt === undefined || created < lt) &&
    (lte === undefined || created <= lte)
  );
}
