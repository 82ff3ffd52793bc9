import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import ts from 'typescript';

/** Words that identifiers and file names must not use, each with the one to use instead. */
export const REPLACED_WORDS: Readonly<Record<string, string>> = {
  asker: 'requester',
  belongings: 'what it holds',
  deed: 'action',
  deeds: 'actions',
  deps: 'dependencies',
  doubt: 'unresolved',
  doubtful: 'unresolved',
  doubts: 'unresolved',
  frozen: 'stopped',
  game: 'scenario',
  heard: 'received',
  hears: 'receives',
  luck: 'draw',
  matter: 'context',
  milestone: 'what happened',
  milestones: 'what happened',
  misfit: 'inconsistency',
  misfits: 'inconsistencies',
  news: 'gateway update',
  nobody: 'what is missing',
  plastic: 'card',
  rehearsal: 'rollback',
  reread: 'refresh',
  rightful: 'expected',
  scene: 'context',
  somebody: 'the role that it is',
  standing: 'state',
  steer: 'plan',
  stray: 'orphan',
  strays: 'orphans',
  tell: 'notify or signal',
  telling: 'notifying',
  tells: 'notifies',
  thaw: 'resume',
  told: 'notified',
  unattended: 'due',
  whoever: 'the role that it is',
  wish: 'request',
  wishes: 'requests',
};

const SKIPPED = ['node_modules', '.persona', 'coverage', 'generated'];

/** Finds declared names and file names in the folder's TypeScript that use a replaced word. @returns one line each */
export function checkVocabulary(folder: string): { files: number; problems: string[] } {
  const files = globSync('**/*.ts', {
    cwd: folder,
    exclude: (name) => SKIPPED.includes(basename(name)),
  }).sort();
  const problems = files.flatMap((file) => [
    ...wordsOf(basename(file, '.ts')).map((word) => describe(file, basename(file), word)),
    ...declaredNames(file, readFileSync(join(folder, file), 'utf8')).flatMap(({ name, line }) =>
      wordsOf(name).map((word) => describe(`${file}:${line}`, name, word)),
    ),
  ]);
  return { files: files.length, problems };
}

function describe(place: string, name: string, word: string): string {
  return `${place}: ${name}: use '${REPLACED_WORDS[word]}', not '${word}' (dev/test/vocabulary.ts)`;
}

function wordsOf(name: string): string[] {
  const words = name
    .replace(/([a-z\d])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z]+/);
  return words.filter((word) => Object.hasOwn(REPLACED_WORDS, word));
}

/** Names that the file declares. Keys of object literals are not included: they repeat those of a type or a contract. */
function declaredNames(file: string, text: string): { name: string; line: number }[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest);
  const found: { name: string; line: number }[] = [];
  const visit = (node: ts.Node): void => {
    const { name } = node as Partial<ts.NamedDeclaration>;
    if (
      name !== undefined &&
      isDeclaration(node) &&
      (ts.isIdentifier(name) || ts.isPrivateIdentifier(name))
    ) {
      const { line } = source.getLineAndCharacterOfPosition(name.getStart(source));
      found.push({ name: name.text, line: line + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function isDeclaration(node: ts.Node): boolean {
  return (
    ts.isVariableDeclaration(node) ||
    ts.isBindingElement(node) ||
    ts.isParameter(node) ||
    ts.isFunctionLike(node) ||
    ts.isClassLike(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isPropertySignature(node) ||
    ts.isPropertyDeclaration(node)
  );
}
