/** Imports the onboardings of a file, one JSON object per line, each processed once even across crashes. */

import { open, rm } from 'node:fs/promises';
import { isRecord } from '../../domain/validation.ts';
import { ERRORS, type ErrorType, type FieldProblem, PersonaError } from '../../domain/errors.ts';
import { findCardNumber } from '../../domain/pan.ts';
import { type Checkpoint, readCheckpoint, reportPath, writeCheckpoint } from './checkpoint.ts';
import { lockImport } from './lock.ts';
import { type Line, type LineFault, MAX_LINE_BYTES, readLines } from './lines.ts';

/** At most this many lines are read again after a crash. */
const LINES_PER_CHECKPOINT = 1_000;
/** Lines in flight at a time; more would only wait for each other. */
export const IMPORT_CONCURRENCY = 32;

/** An onboarding's outcome; `repeated`: it was processed before and changed nothing now. */
export type OnboardingOutcome = 'created' | 'recognised' | 'repeated';

/** Processes one onboarding, unless it was processed before. @throws PersonaError */
export type Onboard = (request: unknown) => Promise<OnboardingOutcome>;

/** Why a line was rejected. Of the line's content it contains only the transaction's id. */
interface Rejection {
  line: number;
  transaction_id?: string;
  type: ErrorType;
  detail: string;
  problems?: readonly FieldProblem[];
}

type LineOutcome = OnboardingOutcome | 'blank' | Rejection;

/**
 * Resumes where the last run of the same file ended. Rejected lines are reported and skipped.
 * @param onProgress - called after each checkpoint
 * @param onWait - as in `lockImport`
 * @throws PersonaError if a server cannot be reached; lines imported so far are kept
 * @throws CliFailure if another process imports the file or takes its lock over, or if the file has changed since its import
 *   started
 */
export async function importFile(
  file: string,
  onboard: Onboard,
  onProgress: (checkpoint: Checkpoint) => void,
  onWait: (message: string) => void = () => {},
): Promise<Checkpoint> {
  await using lock = await lockImport(file, onWait);
  const { lost } = lock;
  let done = await readCheckpoint(file);
  onProgress(done);
  await using report = await openReport(file, done.report_bytes, lost);
  for await (const lines of inBatches(readLines(file, { offset: done.offset, line: done.lines }))) {
    const outcomes = await processLines(lines, onboard, lost);
    lost.throwIfAborted();
    const rejections = outcomes.filter((outcome) => typeof outcome === 'object');
    const count = (wanted: LineOutcome) => outcomes.filter((outcome) => outcome === wanted).length;
    const { fingerprint: _, ...previous } = done;
    done = await writeCheckpoint(file, {
      ...previous,
      offset: lines.at(-1)?.end ?? previous.offset,
      lines: previous.lines + lines.length,
      created: previous.created + count('created'),
      recognised: previous.recognised + count('recognised'),
      repeated: previous.repeated + count('repeated'),
      rejected: previous.rejected + rejections.length,
      report_bytes: await report.append(rejections),
    });
    onProgress(done);
  }
  return done;
}

async function* inBatches(lines: AsyncIterable<Line>): AsyncGenerator<Line[]> {
  let batch: Line[] = [];
  for await (const line of lines) {
    batch.push(line);
    if (batch.length < LINES_PER_CHECKPOINT) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/**
 * Concurrently, but in the order of the file where lines may share a transaction, customer, device or card: the first one,
 * and what it proves, determines how the next one is recognised.
 */
async function processLines(
  lines: readonly Line[],
  onboard: Onboard,
  lost: AbortSignal,
): Promise<LineOutcome[]> {
  const outcomes: LineOutcome[] = [];
  const lastByIdentity = new Map<string, Promise<unknown>>();
  const queue = lines.entries();
  let failed = false;
  const work = async () => {
    for (const [index, line] of queue) {
      if (failed) return;
      lost.throwIfAborted();
      const parsed = parse(line);
      const identities = identitiesOf(parsed);
      const previous = identities.flatMap((identity) => lastByIdentity.get(identity) ?? []);
      const outcome = (async () => {
        await Promise.allSettled(previous);
        return await processLine(line, parsed, onboard);
      })();
      for (const identity of identities) lastByIdentity.set(identity, outcome);
      try {
        outcomes[index] = await outcome;
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: IMPORT_CONCURRENCY }, work));
  return outcomes;
}

async function processLine(line: Line, parsed: unknown, onboard: Onboard): Promise<LineOutcome> {
  if (typeof line.text === 'string' && line.text.trim() === '') return 'blank';
  try {
    if (typeof line.text !== 'string') throw FAULTS[line.text.fault]();
    if (parsed === undefined) throw new PersonaError('malformed_request', 'the line is not JSON');
    return await onboard(parsed);
  } catch (error) {
    if (!(error instanceof PersonaError) || ERRORS[error.type].retryable) throw error;
    if (error.type === 'internal')
      throw new PersonaError('internal', `line ${line.number}: ${error.message}`, { cause: error });
    return rejection(line.number, parsed, error);
  }
}

const FAULTS: Readonly<Record<LineFault['fault'], () => PersonaError>> = {
  too_long: () => new PersonaError('payload_too_large', `the line is longer than ${MAX_LINE_BYTES} bytes`),
  not_utf8: () => new PersonaError('malformed_request', 'the line is not UTF-8'),
};

function parse({ text }: Line): unknown {
  if (typeof text !== 'string') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // The engine's own message would repeat a part of the line.
    return undefined;
  }
}

/** Everything that may identify a line's customer or transaction, trimmed and in lower case. */
function identitiesOf(parsed: unknown): string[] {
  const line = fieldsOf(parsed);
  const listed = Array.isArray(line.digital_identifiers) ? line.digital_identifiers.map(fieldsOf) : [];
  const identities = [
    ...[line, ...listed].flatMap(({ email, phone, value }) => [email, phone, value]),
    line.transaction_id,
    line.customer_id,
    fieldsOf(line.device_details).fingerprint,
    fieldsOf(line.payment_method_details).token,
  ];
  const texts = identities.filter((identity) => typeof identity === 'string');
  return [...new Set(texts.map((text) => text.trim().toLowerCase()))].filter((text) => text !== '');
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

function transactionOf(parsed: unknown): string | undefined {
  const id: unknown = (parsed as { transaction_id?: unknown } | null | undefined)?.transaction_id;
  return typeof id === 'string' ? id : undefined;
}

function rejection(line: number, parsed: unknown, { type, message, problems }: PersonaError): Rejection {
  const transaction_id = transactionOf(parsed);
  const isShown = transaction_id !== undefined && findCardNumber(transaction_id) === undefined;
  return {
    line,
    ...(isShown && { transaction_id }),
    type,
    // The message may contain the transaction's id.
    detail: findCardNumber(message) === undefined ? message : ERRORS[type].title,
    ...(problems.length > 0 && { problems }),
  };
}

interface Report extends AsyncDisposable {
  /** @returns how long the report is now, in bytes */
  append(rejections: readonly Rejection[]): Promise<number>;
}

/**
 * Truncates what a run wrote after its last checkpoint, because the next run writes it again.
 * @param length - from the checkpoint; the report may have been deleted since
 * @param lost - once aborted, the report belongs to another process
 */
async function openReport(file: string, length: number, lost: AbortSignal): Promise<Report> {
  const handle = await open(reportPath(file), 'a');
  let bytes = Math.min(length, (await handle.stat()).size);
  await handle.truncate(bytes);
  return {
    async append(rejections) {
      if (rejections.length === 0) return bytes;
      const text = rejections.map((rejected) => `${JSON.stringify(rejected)}\n`).join('');
      await handle.appendFile(text);
      await handle.datasync();
      bytes += Buffer.byteLength(text);
      return bytes;
    },
    async [Symbol.asyncDispose]() {
      await handle.close();
      if (bytes === 0 && !lost.aborted) await rm(reportPath(file));
    },
  };
}
