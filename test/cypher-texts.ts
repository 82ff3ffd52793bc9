/** The Cypher that stands in the sources, read by TypeScript's own parser. */

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

export interface CypherText {
  /** Where it stands, as an editor opens it. */
  location: string;
  /** What stands between its interpolations, as `normalised` leaves it. */
  fragments: readonly string[];
}

/** A clause that reaches into the graph; what has none of these is a piece of another text or no Cypher at all. */
const REACHES_IN =
  /\b(?:MATCH|MERGE|CREATE|EXISTS|COUNT|COLLECT)\s*[({]|\bUNWIND\s+\$|\bCALL\s+(?:db|apoc)\.|\bSHOW\s+[A-Z]/;
/** Shorter pieces are found anywhere: they prove nothing. */
const SHORTEST = 12;

/** Every text of Cypher in the TypeScript of `folder`, tests left out. */
export function cypherTexts(folder: string): CypherText[] {
  return globSync('**/*.ts', { cwd: folder })
    .filter((file) => !/\.test\.ts$|(^|\/)[\w-]*fixtures?\.ts$/.test(file))
    .sort()
    .flatMap((file) => textsOf(file, readFileSync(join(folder, file), 'utf8')));
}

function textsOf(file: string, source: string): CypherText[] {
  const parsed = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true);
  const found: CypherText[] = [];
  const visit = (node: ts.Node): void => {
    const spans = spansOf(node);
    if (spans && REACHES_IN.test(spans.join(' '))) {
      const { line } = parsed.getLineAndCharacterOfPosition(node.getStart());
      const fragments = spans.map(fragmentOf).filter((fragment) => fragment.length >= SHORTEST);
      found.push({ location: `${file}:${line + 1}`, fragments });
    }
    ts.forEachChild(node, visit);
  };
  visit(parsed);
  return found;
}

/** What an interpolation may have made a parameter of, `$row` of `.name`, goes with the parameter. */
function fragmentOf(span: string): string {
  return normaliseCypher(span.replace(/^(?:\.\w+)+|\$\w*$/, ''));
}

function spansOf(node: ts.Node): string[] | undefined {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (!ts.isTemplateExpression(node)) return undefined;
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)];
}

/** Without what sending changes: line breaks, and the names of parameters (`graph/batch.ts`). */
export function normaliseCypher(cypher: string): string {
  return cypher
    .replace(/\$p\.p\d+\[\d+\]|\brow_\[\d+\]|\$\w+(?:\.\w+)*/g, '$')
    .replace(/\s+/g, ' ')
    .trim();
}
