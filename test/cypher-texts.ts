/** The Cypher in the sources, extracted with TypeScript's own parser. */

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

export interface CypherText {
  /** `file:line`, as an editor opens it. */
  location: string;
  /** The parts between its interpolations, as `normaliseCypher` returns them. */
  fragments: readonly string[];
}

/** A clause that accesses the graph; a text without one is a fragment of another statement or not Cypher at all. */
const REACHES_IN =
  /\b(?:MATCH|MERGE|CREATE|EXISTS|COUNT|COLLECT)\s*[({]|\bUNWIND\s+\$|\bCALL\s+(?:db|apoc)\.|\bSHOW\s+[A-Z]/;
/** Shorter fragments occur anywhere and identify nothing. */
const SHORTEST = 12;

/** Every Cypher text in the TypeScript files of `folder`, except tests and fixtures. */
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

/** Removes remnants of a parameter at an interpolation (`$` before it, `.name` after it). */
function fragmentOf(span: string): string {
  return normaliseCypher(span.replace(/^(?:\.\w+)+|\$\w*$/, ''));
}

function spansOf(node: ts.Node): string[] | undefined {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (!ts.isTemplateExpression(node)) return undefined;
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)];
}

/** Removes what sending a statement changes: line breaks, and the names of parameters (`graph/kernel/batch.ts`). */
export function normaliseCypher(cypher: string): string {
  return cypher
    .replace(/\brow_(?:\.\w+)+|\$\w+(?:\.\w+)*/g, '$')
    .replace(/\s+/g, ' ')
    .trim();
}
