/**
 * Writes of one command, sent together. The driver needs about as long for each statement as Neo4j for its work, so
 * what nobody waits for is collected and goes out as one statement; the same writes always give the same text, which
 * Neo4j plans once.
 */

type Row = Record<string, unknown>;

interface Part {
  readonly cypher: string;
  /** One for each time in a row that it was asked for. */
  readonly rows: Row[];
}

export interface Batch {
  /** The Cypher returns nothing. */
  add(cypher: string, parameters: Row): void;
  /** Everything since the last time, in its order, as one statement; `undefined`: there is nothing. */
  take(): { cypher: string; parameters: Row } | undefined;
}

export function createBatch(): Batch {
  let parts: Part[] = [];
  return {
    add(cypher, parameters) {
      const last = parts.at(-1);
      if (last?.cypher === cypher) last.rows.push(parameters);
      else parts.push({ cypher, rows: [parameters] });
    },
    take() {
      const taken = parts;
      parts = [];
      const [first] = taken;
      if (first === undefined) return undefined;
      if (taken.length === 1 && first.rows.length === 1) {
        return { cypher: first.cypher, parameters: first.rows[0] ?? {} };
      }
      return {
        // Every part begins at a unique key: no growth of the graph makes another plan better.
        cypher: `CYPHER replan=skip\n${taken.map(({ cypher }, n) => asSubquery(cypher, n)).join('\n')}`,
        parameters: Object.fromEntries(taken.map(({ rows }, n) => [`part${n}`, rows])),
      };
    },
  };
}

/** `$name` of the part becomes `row_.name`; each row runs to its end before the next begins. */
function asSubquery(cypher: string, n: number): string {
  return `CALL () { UNWIND $part${n} AS row_ CALL (row_) { ${bodyOf(cypher)} } }`;
}

/** Of each constant, made once. */
const bodies = new Map<string, string>();

/** Without indentation, which is a quarter of what would go over the wire each time. */
function bodyOf(cypher: string): string {
  let body = bodies.get(cypher);
  if (body === undefined) {
    body = cypher
      .trim()
      .replace(/\n\s+/g, '\n')
      .replace(/\$(\w+)/g, 'row_.$1');
    bodies.set(cypher, body);
  }
  return body;
}
