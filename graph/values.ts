import neo4j from 'neo4j-driver';

const { isDate, isDateTime, isNode, isRelationship } = neo4j;

/**
 * Converts parameters for the driver. JavaScript has one number type, which the driver writes as a float, so integral
 * numbers are converted to integers; if a property is a float, the Cypher uses `toFloat($x)`. `undefined`, which the
 * driver rejects, becomes null.
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
 * Converts the driver's values to plain data: a DateTime to RFC 3339 in UTC with milliseconds, a Date to `YYYY-MM-DD`,
 * a node or a relationship to its properties.
 */
export function toPlain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(toPlain);
  if (isDateTime(value)) return value.toStandardDate().toISOString();
  if (isDate(value)) return value.toString();
  if (isNode(value) || isRelationship(value)) return toPlain(value.properties);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toPlain(item)]));
}

/** A time in the stored format: UTC, milliseconds. */
export function toUtc(time: string): string {
  return new Date(time).toISOString();
}

/** The same object without its null fields: outside the graph, a missing value is absent. */
export function withoutNulls<T extends object>(row: T): { [K in keyof T]: Exclude<T[K], null> } {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as {
    [K in keyof T]: Exclude<T[K], null>;
  };
}
