/** The erasure journal in a file that all processes share: one entry a line, with a checksum (docs/runbook.md, 'Erasure'). */

import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PersonaError } from '../../domain/errors.ts';
import type { ErasureJournal, JournalEntry, JournalPage } from '../../domain/ports.ts';

/** Bytes that are read at once; a line has about 200. */
const READ_BYTES = 64 * 1_024;
const NEWLINE = 0x0a;

/** @param path in an existing folder; created with the first entry */
export function openJournalFile(path: string): ErasureJournal {
  const unavailable = (error: unknown) =>
    new PersonaError(
      'journal_unavailable',
      `the erasure journal ${path} is unavailable (${error instanceof Error ? error.message : error}); see PERSONA_ERASURE_JOURNAL`,
      { cause: error },
    );
  return {
    async append(entry) {
      try {
        await appendLine(path, lineOf(entry));
      } catch (error) {
        throw unavailable(error);
      }
    },
    async *read(after) {
      try {
        yield* readPages(path, after === undefined ? 0 : Number(after));
      } catch (error) {
        throw unavailable(error);
      }
    },
  };
}

/**
 * One write at the end of the file, which the operating system does not mix with those of other processes. It begins with a
 * line break, in case the last writer died within its line.
 */
async function appendLine(path: string, line: string): Promise<void> {
  const file = await open(path, 'a', 0o600);
  try {
    const bytes = Buffer.from(`\n${line}\n`);
    const { bytesWritten } = await file.write(bytes);
    if (bytesWritten !== bytes.length) throw new Error('the disk is full');
    await file.sync();
  } finally {
    await file.close();
  }
  // The entry of a new file in its folder.
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function* readPages(path: string, from: number): AsyncGenerator<JournalPage> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) {
    if (from > 0) throw new Error('it is gone, and the graph has applied entries of it');
    return;
  }
  try {
    const { size } = await file.stat();
    if (size < from) throw new Error(`it has ${size} bytes, and the graph has applied ${from}`);
    let position = from;
    for (let rest = Buffer.alloc(0); ; ) {
      const buffer = Buffer.alloc(READ_BYTES);
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, position + rest.length);
      const bytes = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
      const end = bytes.lastIndexOf(NEWLINE) + 1;
      rest = bytes.subarray(end);
      if (end > 0) {
        position += end;
        yield pageOf(bytes.subarray(0, end).toString(), position);
      }
      // A line without its end is still being written, or never will be.
      if (bytesRead === 0) return;
    }
  } finally {
    await file.close();
  }
}

function pageOf(text: string, position: number): JournalPage {
  const lines = text.split('\n').filter((line) => line !== '');
  const entries = lines.map(entryOf);
  const readable = entries.filter((entry) => entry !== undefined);
  return { entries: readable, position: String(position), unreadable: lines.length - readable.length };
}

const lineOf = (entry: JournalEntry): string => {
  const text = JSON.stringify(entry);
  return `${checksum(text)} ${text}`;
};

function entryOf(line: string): JournalEntry | undefined {
  const [sum = ''] = line.split(' ', 1);
  const text = line.slice(sum.length + 1);
  return sum === checksum(text) ? (JSON.parse(text) as JournalEntry) : undefined;
}

const checksum = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
