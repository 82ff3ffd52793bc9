/** The progress of an import, stored next to the imported file, so that the next run resumes there. */

import { createHash } from 'node:crypto';
import { open, readFile, rename, writeFile } from 'node:fs/promises';
import { CliFailure, ExitCode } from '../failure.ts';

export interface Checkpoint {
  /** In bytes; everything before it has been imported. */
  offset: number;
  lines: number;
  /** Lines that created a customer. */
  created: number;
  /** Lines that matched an existing customer. */
  recognised: number;
  /** Lines whose transaction was processed before, by an earlier line or run or another interface: they change nothing. */
  repeated: number;
  /** Lines listed in the report. */
  rejected: number;
  /** Length of the report of rejected lines. */
  report_bytes: number;
  /** SHA-256 of the last bytes before `offset`, to recognise the file's content. */
  fingerprint: string;
}

export const checkpointPath = (file: string) => `${file}.import.json`;
export const reportPath = (file: string) => `${file}.rejected.jsonl`;

/** Enough of a file to recognise it. */
const FINGERPRINT_BYTES = 64 * 1024;

const INITIAL: Omit<Checkpoint, 'fingerprint'> = {
  offset: 0,
  lines: 0,
  created: 0,
  recognised: 0,
  repeated: 0,
  rejected: 0,
  report_bytes: 0,
};

/** @throws CliFailure if the file has changed since the import started, or the checkpoint is damaged */
export async function readCheckpoint(file: string): Promise<Checkpoint> {
  const found = await readIfExists(checkpointPath(file));
  if (found === undefined) return { ...INITIAL, fingerprint: await fingerprint(file, 0) };
  const checkpoint = parseCheckpoint(found);
  if (checkpoint === undefined)
    throw new CliFailure(ExitCode.usageError, `${checkpointPath(file)} ${DAMAGED}`);
  if ((await fingerprint(file, checkpoint.offset)) === checkpoint.fingerprint) return checkpoint;
  throw new CliFailure(
    ExitCode.usageError,
    `${file} has changed since its import started. To import it from the first line, delete ${checkpointPath(file)}; transactions imported before are not repeated`,
  );
}

const DAMAGED =
  'is damaged. Delete it to import from the first line; transactions imported before are not repeated';

function parseCheckpoint(text: string): Checkpoint | undefined {
  try {
    const checkpoint = JSON.parse(text) as Partial<Checkpoint> | null;
    const isComplete = Object.keys(INITIAL).every((name) =>
      Number.isSafeInteger(checkpoint?.[name as keyof typeof INITIAL]),
    );
    return isComplete ? (checkpoint as Checkpoint) : undefined;
  } catch {
    return undefined;
  }
}

/** Replaces the file atomically: a reader finds the old or the new checkpoint. */
export async function writeCheckpoint(
  file: string,
  progress: Omit<Checkpoint, 'fingerprint'>,
): Promise<Checkpoint> {
  const checkpoint = { ...progress, fingerprint: await fingerprint(file, progress.offset) };
  const path = checkpointPath(file);
  await writeFile(`${path}.new`, `${JSON.stringify(checkpoint, null, 2)}\n`, { flush: true });
  await rename(`${path}.new`, path);
  return checkpoint;
}

async function fingerprint(file: string, offset: number): Promise<string> {
  const handle = await open(file);
  try {
    const length = Math.min(offset, FINGERPRINT_BYTES);
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, offset - length);
    return createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('hex');
  } finally {
    await handle.close();
  }
}

async function readIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
