import neo4j from 'neo4j-driver';

const { isDate, isDateTime, isNode, isRelationship } = neo4j;

/**
 * Parameters as the driver wants them. JavaScript has one kind of number and the driver writes it as a float, so
 * whole numbers become integers here; where a property is a float, the Cypher says `toFloat($x)`. `undefined`, which
 * the driver refuses, becomes null.
 */
export function toParameters(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? neo4j.int(value) : value;
  if (Array.isArray(value)) return value.map(toParameters);
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toParameters(item)]));
  }
  return value;
}

/**
 * What the driver gives, as plain data: a DateTime as RFC 3339 in UTC with milliseconds, a Date as `YYYY-MM-DD`, a
 * node or a relationship as its properties.
 */
export function toPlain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(toPlain);
  if (isDateTime(value)) return value.toStandardDate().toISOString();
  if (isDate(value)) return value.toString();
  if (isNode(value) || isRelationship(value)) return toPlain(value.properties);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toPlain(item)]));
}

/** A time as it is stored: UTC, milliseconds. */
export function toUtc(time: string): string {
  return new Date(time).toISOString();
}

/** The same object without its null fields: what is not there is absent outside the graph. */
export function withoutNulls<T extends object>(row: T): { [K in keyof T]: Exclude<T[K], null> } {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as {
    [K in keyof T]: Exclude<T[K], null>;
  };
}
