/** Reads personas from YAML or JSON files, with the line of each problem. */

import { isUtf8 } from 'node:buffer';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import { PERSONA_FIELDS, type PersonaEntry, readPersonaEntry } from '../../domain/catalogue/persona.ts';
import type { FieldProblem } from '../../domain/errors.ts';
import type { Policy } from '../../domain/policy.ts';

/** A persona with the place where it was found: `FILE:LINE`. */
export interface FoundPersona extends PersonaEntry {
  place: string;
}

/** Far above 10 000 personas; a file is read as a whole. */
const MAX_BYTES = 64 * 1_024 * 1_024;
const EXTENSIONS = /\.(ya?ml|json)$/;

/**
 * Every persona of a file, or of a folder's files, and every problem as `FILE:LINE: FIELD: RULE`. A file holds one persona,
 * a list of them, or an object with the list in `personas`.
 * @throws Error if the file or folder cannot be read
 */
export function readPersonaFiles(
  path: string,
  policy: Pick<Policy, 'catalogue'>,
): { personas: FoundPersona[]; problems: string[] } {
  const isFolder = statSync(path).isDirectory();
  const names = isFolder ? readdirSync(path).filter((name) => EXTENSIONS.test(name)) : [];
  const files = isFolder ? names.sort().map((name) => join(path, name)) : [path];
  const read = files.map((file) => readPersonaFile(file, policy));
  const personas = read.flatMap((one) => one.personas);
  const problems = read.flatMap((one) => one.problems);
  if (files.length === 0) problems.push(`${path}: has no .yaml, .yml or .json file`);
  return { personas, problems: [...problems, ...duplicates(personas)] };
}

function readPersonaFile(
  file: string,
  policy: Pick<Policy, 'catalogue'>,
): { personas: FoundPersona[]; problems: string[] } {
  if (statSync(file).size > MAX_BYTES) return { personas: [], problems: [`${file}: is larger than 64 MiB`] };
  const bytes = readFileSync(file);
  // Decoded as it is, it would have other characters in place of those that are not UTF-8.
  if (!isUtf8(bytes)) return { personas: [], problems: [`${file}: is not UTF-8`] };
  return parsePersonas(file, bytes.toString(), policy);
}

/** @param file its name, for messages */
export function parsePersonas(
  file: string,
  text: string,
  policy: Pick<Policy, 'catalogue'>,
): { personas: FoundPersona[]; problems: string[] } {
  const lines = new LineCounter();
  const placeAt = (offset: number) => `${file}:${lines.linePos(offset).line}`;
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  } catch {
    return { personas: [], problems: [`${file}: is nested too deeply`] };
  }
  const syntax = document.errors.map(({ message, pos: [offset] }) => {
    const isTooDeep = message.startsWith('Maximum call stack');
    return `${placeAt(offset)}: ${isTooDeep ? 'is nested too deeply' : message}`;
  });
  if (syntax.length > 0) return { personas: [], problems: syntax };
  const aliases = aliasesOf(document).map(
    (offset) => `${placeAt(offset)}: an alias (*name) is not allowed: write the value itself`,
  );
  if (aliases.length > 0) return { personas: [], problems: aliases };

  const personas: FoundPersona[] = [];
  const problems: string[] = [];
  for (const node of entriesOf(document)) {
    const place = placeAt(node.range?.[0] ?? 0);
    const result = readPersonaEntry(node.toJS(document), policy);
    const refused = result.ok ? [] : result.problems;
    const unknown = unknownFieldsOf(node).filter(({ field }) => !refused.some((one) => one.field === field));
    if (result.ok && unknown.length === 0) personas.push({ ...result.value, place });
    problems.push(
      ...[...refused, ...unknown].map(({ field, message }) => {
        const offset = offsetOf(node, field) ?? node.range?.[0] ?? 0;
        return `${placeAt(offset)}: ${field || 'a persona'}: ${message}`;
      }),
    );
  }
  if (personas.length === 0 && problems.length === 0) problems.push(`${file}: has no persona`);
  return { personas, problems };
}

/** Where the file refers to another part of itself: such a reference may be endless, or expand to gigabytes. */
function aliasesOf(document: Document.Parsed): number[] {
  const offsets: number[] = [];
  visit(document, {
    Alias: (_, { range }) => void offsets.push(range?.[0] ?? 0),
  });
  return offsets;
}

function entriesOf(document: Document.Parsed): Node[] {
  const { contents } = document;
  const list = document.get('personas', true);
  const entries = isSeq(list) ? list : contents;
  if (isSeq(entries)) return entries.items.filter(isNode);
  return entries === null ? [] : [entries];
}

const KNOWN_FIELDS: ReadonlySet<unknown> = new Set(['name', 'reason', ...PERSONA_FIELDS]);

/** A misspelt field is no error of a request, which may come from a newer program; of a file its text would be lost. */
function unknownFieldsOf(node: Node): FieldProblem[] {
  const keys = isMap(node) ? node.items.map(({ key }) => (isScalar(key) ? key.value : key)) : [];
  return keys
    .filter((key) => !KNOWN_FIELDS.has(key))
    .map((key) => ({ field: String(key), message: 'is not a field of a persona' }));
}

/** Where the field's value begins: `a.b[0]`. */
function offsetOf(node: Node, field: string): number | undefined {
  const path = field.replaceAll(/\[(\d+)\]/g, '.$1').split('.');
  const found = 'getIn' in node ? node.getIn(path, true) : undefined;
  return isNode(found) ? found.range?.[0] : undefined;
}

function duplicates(personas: readonly FoundPersona[]): string[] {
  const first = new Map<string, string>();
  return personas.flatMap(({ name, place }) => {
    const before = first.get(name);
    first.set(name, before ?? place);
    return before === undefined ? [] : [`${place}: name: ${name} is also at ${before}`];
  });
}
