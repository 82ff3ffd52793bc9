/** How far an import has come: a file beside the imported one, so that whoever runs it again goes on there. */

import { createHash } from 'node:crypto';
import { open, readFile, rename, writeFile } from 'node:fs/promises';
import { CliFailure, ExitCode } from '../failure.ts';

export interface Checkpoint {
  /** Everything before this byte is done. */
  offset: number;
  lines: number;
  /** Lines that brought a customer whom nobody knew. */
  created: number;
  /** Lines that were written to a customer who was known. */
  recognised: number;
  /** Lines whose transaction had been carried out before, by an earlier line or run or by another way: they change nothing. */
  repeated: number;
  /** Lines that the report names. */
  rejected: number;
  /** So long is the report of what was rejected. */
  report_bytes: number;
  /** SHA-256 of the last bytes before `offset`: whose import it is. */
  fingerprint: string;
}

export const checkpointPath = (file: string) => `${file}.import.json`;
export const reportPath = (file: string) => `${file}.rejected.jsonl`;

/** Enough of a file to know it again. */
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

/** @throws CliFailure if the import that was begun is of another content of this file, or nobody can read how far it came */
export async function readCheckpoint(file: string): Promise<Checkpoint> {
  const found = await readIfExists(checkpointPath(file));
  if (found === undefined) return { ...INITIAL, fingerprint: await fingerprint(file, 0) };
  const checkpoint = parseCheckpoint(found);
  if (checkpoint === undefined)
    throw new CliFailure(ExitCode.usageError, `${checkpointPath(file)} ${DAMAGED}`);
  if ((await fingerprint(file, checkpoint.offset)) === checkpoint.fingerprint) return checkpoint;
  throw new CliFailure(
    ExitCode.usageError,
    `${file} has changed since its import was begun. To import it from its first line, delete ${checkpointPath(file)}: what was imported before is not imported again`,
  );
}

const DAMAGED =
  'does not say how far the import came. Delete it to import from the first line: what was imported before is not imported again';

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

/** Whoever reads it finds the old one or the new one, never half of it. */
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
