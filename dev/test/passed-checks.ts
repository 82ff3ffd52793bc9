import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Neither read by any check nor part of the repository. */
const SKIPPED = new Set(['node_modules', '.git', '.persona']);
/** npm's record of the installed packages. */
const INSTALLED = join('node_modules', '.package-lock.json');

/** Remembers which checks passed, each on exactly which files, in `.persona/checks`. */
export interface PassedChecks {
  /** Whether the check passed on the same files, packages and Node. */
  has(name: string): boolean;
  add(name: string): void;
}

/**
 * Reads every file of the repository, packages by npm's record. A file that is edited while a check runs makes the check
 * run again, because the files are read before it.
 *
 * @param folder the repository
 */
export function readPassedChecks(folder: string): PassedChecks {
  const hash = createHash('sha256').update(process.version);
  for (const file of [INSTALLED, ...filesIn(folder, '')])
    hash.update(`\0${file}\0`).update(contentOf(join(folder, file)));
  const content = hash.digest('hex');
  const records = join(folder, '.persona', 'checks');
  const recordOf = (name: string) => join(records, name.replaceAll(' ', '-'));
  return {
    has(name) {
      try {
        return readFileSync(recordOf(name), 'utf8') === content;
      } catch {
        return false;
      }
    },
    add(name) {
      mkdirSync(records, { recursive: true });
      writeFileSync(recordOf(name), content);
    },
  };
}

function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    // Tests run concurrently, and tools write temporary files: this one is gone.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

function filesIn(folder: string, path: string): string[] {
  return readdirSync(join(folder, path), { withFileTypes: true })
    .filter(({ name }) => !SKIPPED.has(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const file = join(path, entry.name);
      if (entry.isDirectory()) return filesIn(folder, file);
      return entry.isFile() ? [file] : [];
    });
}
