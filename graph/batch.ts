/**
 * Writes of one command, sent together. The driver needs about as long for each statement as Neo4j for its work, so
 * what nobody waits for is collected and goes out as one statement, or as the beginning of one that reads; the same
 * writes always give the same text, which Neo4j plans once.
 */

type Row = Record<string, unknown>;

interface Part {
  readonly cypher: string;
  /** One for each time in a row that it was asked for. */
  readonly rows: Row[];
}

export interface Statement {
  readonly cypher: string;
  readonly parameters: Row;
}

export interface Batch {
  /** The Cypher returns nothing. */
  add(cypher: string, parameters: Row): void;
  /** Everything since the last time, in its order, as one statement; `undefined`: there is nothing. */
  take(): Statement | undefined;
  /** The same with a statement that reads at its end: one statement, which returns what the reading one returns. */
  takeBefore(reading: Statement): Statement;
}

export function createBatch(): Batch {
  let parts: Part[] = [];
  const takeParts = () => {
    const taken = parts;
    parts = [];
    return taken;
  };
  return {
    add(cypher, parameters) {
      const last = parts.at(-1);
      if (last?.cypher === cypher) last.rows.push(parameters);
      else parts.push({ cypher, rows: [parameters] });
    },
    take() {
      const taken = takeParts();
      if (taken.length === 0) return undefined;
      // Every part begins at a unique key: no growth of the graph makes another plan better.
      return { cypher: `CYPHER replan=skip\n${asSubqueries(taken)}`, parameters: asParameters(taken) };
    },
    takeBefore({ cypher, parameters }) {
      const taken = takeParts();
      if (taken.length === 0) return { cypher, parameters };
      return {
        cypher: `${asSubqueries(taken)}\n${withoutIndentation(cypher)}`,
        parameters: { ...parameters, ...asParameters(taken) },
      };
    },
  };
}

const nameOf = (n: number) => `part${n}`;

function asParameters(parts: readonly Part[]): Row {
  return Object.fromEntries(parts.map(({ rows }, n) => [nameOf(n), rows.length === 1 ? rows[0] : rows]));
}

function asSubqueries(parts: readonly Part[]): string {
  return parts
    .map(({ cypher, rows }, n) => asSubquery(cypher, { parameter: nameOf(n), isOne: rows.length === 1 }))
    .join('\n');
}

/** `$name` of the part becomes `$part0.name`; of many rows `row_.name`, where each runs to its end before the next begins. */
function asSubquery(cypher: string, { parameter, isOne }: { parameter: string; isOne: boolean }): string {
  const body = withoutIndentation(cypher);
  if (isOne) return `CALL () { ${body.replace(NAME, `$$${parameter}.$1`)} }`;
  return `CALL () { UNWIND $${parameter} AS row_ CALL (row_) { ${body.replace(NAME, 'row_.$1')} } }`;
}

const NAME = /\$(\w+)/g;

/** Of each constant, made once. */
const bodies = new Map<string, string>();

/** Indentation is a quarter of what would go over the wire each time. */
function withoutIndentation(cypher: string): string {
  let body = bodies.get(cypher);
  if (body === undefined) {
    body = cypher.trim().replace(/\n\s+/g, '\n');
    bodies.set(cypher, body);
  }
  return body;
}
