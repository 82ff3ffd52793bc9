/**
 * Batches the writes of one command. The driver spends about as long on each statement as Neo4j spends executing it, so
 * writes whose result is not needed are collected and sent as one statement, or as the prefix of one that reads. The
 * same writes always produce the same text, which Neo4j plans once.
 *
 * A part's parameters are sent as a list, in the order in which its Cypher uses them: names would take as many bytes as
 * the values, and the driver spends most of its time packing each of them.
 */

type Row = Record<string, unknown>;

interface Part {
  readonly template: CypherTemplate;
  /** One per consecutive use of the template. */
  readonly rows: Row[];
}

export interface Statement {
  readonly cypher: string;
  readonly parameters: Row;
}

export interface Batch {
  /** Adds a statement that returns nothing. `$a.b` in it refers to `b` of the parameter `a`. */
  add(cypher: string, parameters: Row): void;
  /** Everything added since the last call, in order, as one statement; `undefined` if there is nothing. */
  take(): Statement | undefined;
  /** The same, followed by a statement that reads: one statement, which returns what the reading one returns. */
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
      const template = templateOf(cypher);
      const last = parts.at(-1);
      if (last?.template === template) last.rows.push(parameters);
      else parts.push({ template, rows: [parameters] });
    },
    take() {
      const taken = takeParts();
      if (taken.length === 0) return undefined;
      // Every part starts at a unique key, so growth of the graph never makes another plan better.
      return { cypher: `CYPHER replan=skip\n${asSubqueries(taken)}`, parameters: asParameters(taken) };
    },
    takeBefore({ cypher, parameters }) {
      const taken = takeParts();
      if (taken.length === 0) return { cypher, parameters };
      return {
        cypher: `${asSubqueries(taken)}\n${templateOf(cypher).body}`,
        parameters: { ...parameters, ...asParameters(taken) },
      };
    },
  };
}

const nameOf = (n: number) => `p${n}`;

function asParameters(parts: readonly Part[]): Row {
  return Object.fromEntries(parts.map(({ rows }, n) => [nameOf(n), rows.length === 1 ? rows[0] : rows]));
}

function asSubqueries(parts: readonly Part[]): string {
  return parts.map(({ template, rows }, n) => asSubquery(template, nameOf(n), rows.length === 1)).join('\n');
}

/** `$name` in the part becomes `$p0.name`; for several rows `row_.name`, where each completes before the next starts. */
function asSubquery(template: CypherTemplate, parameter: string, isSingle: boolean): string {
  if (isSingle) return `CALL () { ${withValuesOf(template, `$${parameter}`)} }`;
  return `CALL () { UNWIND $${parameter} AS row_ CALL (row_) { ${withValuesOf(template, 'row_')} } }`;
}

function withValuesOf({ body, texts }: CypherTemplate, map: string): string {
  let text = texts.get(map);
  if (text === undefined) {
    text = body.replace(NAME, (_, name: string) => `${map}.${name}`);
    texts.set(map, text);
  }
  return text;
}

const NAME = /\$(\w+(?:\.\w+)*)/g;

/** A constant Cypher text, parsed once. */
interface CypherTemplate {
  /** Without indentation, which would be a quarter of the bytes sent each time. */
  readonly body: string;
  /** `body` with the values of a map, by the map's name. */
  readonly texts: Map<string, string>;
}

const templates = new Map<string, CypherTemplate>();

function templateOf(cypher: string): CypherTemplate {
  let template = templates.get(cypher);
  if (template === undefined) {
    const body = cypher.trim().replace(/\n\s+/g, '\n');
    template = { body, texts: new Map() };
    templates.set(cypher, template);
  }
  return template;
}
