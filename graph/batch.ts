/**
 * Writes of one command, sent together. The driver needs about as long for each statement as Neo4j for its work, so
 * what nobody waits for is collected and goes out as one statement, or as the beginning of one that reads; the same
 * writes always give the same text, which Neo4j plans once.
 *
 * What a part's Cypher asks for travels as a list, in the order in which it asks: names would take as many bytes as what
 * they name, and most of the driver's time goes into packing each of them.
 */

type Row = Record<string, unknown>;

interface Part {
  readonly template: CypherTemplate;
  /** One for each time in a row that it was asked for. */
  readonly rows: Row[];
}

export interface Statement {
  readonly cypher: string;
  readonly parameters: Row;
}

export interface Batch {
  /** The Cypher returns nothing. `$a.b` in it is `b` of the parameter `a`. */
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
      const template = templateOf(cypher);
      const last = parts.at(-1);
      if (last?.template === template) last.rows.push(parameters);
      else parts.push({ template, rows: [parameters] });
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
        cypher: `${asSubqueries(taken)}\n${templateOf(cypher).body}`,
        parameters: { ...parameters, ...asParameters(taken) },
      };
    },
  };
}

const nameOf = (n: number) => `p${n}`;

function asParameters(parts: readonly Part[]): Row {
  return Object.fromEntries(
    parts.map(({ template, rows: [first = {}, ...more] }, n) => {
      const values = valuesOf(template, first);
      return [
        nameOf(n),
        more.length === 0 ? values : [values, ...more.map((row) => valuesOf(template, row))],
      ];
    }),
  );
}

function valuesOf({ paths }: CypherTemplate, row: Row): unknown[] {
  return paths.map((path) => path.reduce<unknown>((value, name) => (value as Row | null)?.[name], row));
}

function asSubqueries(parts: readonly Part[]): string {
  return parts.map(({ template, rows }, n) => asSubquery(template, nameOf(n), rows.length === 1)).join('\n');
}

/** `$name` of the part becomes `$p0[1]`; of many rows `row_[1]`, where each runs to its end before the next begins. */
function asSubquery(template: CypherTemplate, parameter: string, isSingle: boolean): string {
  if (isSingle) return `CALL () { ${withPositions(template, `$${parameter}`)} }`;
  return `CALL () { UNWIND $${parameter} AS row_ CALL (row_) { ${withPositions(template, 'row_')} } }`;
}

function withPositions({ body, paths, texts }: CypherTemplate, list: string): string {
  let text = texts.get(list);
  if (text === undefined) {
    const names = paths.map((path) => path.join('.'));
    text = body.replace(NAME, (_, name: string) => `${list}[${names.indexOf(name)}]`);
    texts.set(list, text);
  }
  return text;
}

const NAME = /\$(\w+(?:\.\w+)*)/g;

/** What a constant text says, read once. */
interface CypherTemplate {
  /** Without indentation, a quarter of what would go over the wire each time. */
  readonly body: string;
  /** What it asks for, each once. */
  readonly paths: readonly (readonly string[])[];
  /** `body` with places in a list instead of names, by the list. */
  readonly texts: Map<string, string>;
}

const templates = new Map<string, CypherTemplate>();

function templateOf(cypher: string): CypherTemplate {
  let template = templates.get(cypher);
  if (template === undefined) {
    const body = cypher.trim().replace(/\n\s+/g, '\n');
    const names = new Set([...body.matchAll(NAME)].map(([, name = '']) => name));
    template = { body, paths: [...names].map((name) => name.split('.')), texts: new Map() };
    templates.set(cypher, template);
  }
  return template;
}
