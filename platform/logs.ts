/**
 * Structured logs: JSON lines on standard error (standard output is reserved for machine-readable output), readable
 * ones on a terminal.
 */

import { type DestinationStream, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import { traceFields } from './tracing.ts';

export type { Logger } from 'pino';

/** Fields that are masked wherever they occur in a line: the last line of defence after `Secret` and ids-only logging. */
export const SENSITIVE_NAMES: readonly string[] = [
  'token',
  'password',
  'authorization',
  'api_key',
  'secret',
  'email',
  'phone',
  'fingerprint',
  'ip',
  'value',
  'street1',
  'street2',
];
/** Applied to the finished line, so that it works at every depth, unlike pino's redaction by paths. */
const SENSITIVE = new RegExp(`"(${SENSITIVE_NAMES.join('|')})":"(?:[^"\\\\]|\\\\.)*"`, 'g');

/**
 * @param options.process named in every line: `api`, `worker`, …
 * @param options.level the lowest level that is written
 */
export function createLogger(options: { process: string; level: string }): Logger {
  const standardError = 2;
  const stream = process.stderr.isTTY
    ? pretty({ destination: standardError, sync: true, ignore: 'pid,hostname' })
    : batched(pino.destination({ dest: standardError, sync: false }));
  return pino(
    {
      level: options.level,
      base: { process: options.process, pid: process.pid },
      timestamp: isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin: traceFields,
      hooks: { streamWrite: (line) => line.replace(SENSITIVE, '"$1":"[masked]"') },
    },
    stream,
  );
}

/** Wait for a write in progress: far longer than a write takes, and short for a process exit. */
const WRITE_WAIT_MS = 100;

/** How long a line may wait for others. */
const BATCH_MS = 5;

/**
 * Passes the lines of a few milliseconds on together: each write measures and copies what is pending and wakes another
 * thread, which for single lines costs more than composing them. On an orderly exit, and one by an error, the last lines
 * are written.
 */
function batched(
  destination: ReturnType<typeof pino.destination>,
): DestinationStream & { flushSync(): void } {
  let lines: string[] = [];
  let isWriting = false;
  destination.on('drain', () => {
    isWriting = false;
  });
  const flushLines = () => {
    if (lines.length === 0) return;
    const text = lines.join('');
    lines = [];
    isWriting = true;
    destination.write(text);
  };
  const flushSync = () => {
    // Another thread is writing: the following lines must neither overtake that write nor cut it off.
    if (isWriting) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WRITE_WAIT_MS);
    flushLines();
    destination.flushSync();
  };
  process.once('exit', flushSync);
  return {
    write(line) {
      if (lines.push(line) === 1) setTimeout(flushLines, BATCH_MS);
    },
    flushSync,
  };
}

let lastTime = 0;
let lastText = '';

/** Same format as pino's timestamp, which formats the same millisecond anew for each line. */
function isoTime(): string {
  const now = Date.now();
  if (now !== lastTime) {
    lastTime = now;
    lastText = `,"time":"${new Date(now).toISOString()}"`;
  }
  return lastText;
}
