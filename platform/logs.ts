/**
 * Structured logs: JSON lines on standard error (standard output belongs to what a process has to say to programs),
 * readable ones on a terminal.
 */

import { type DestinationStream, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';

export type { Logger } from 'pino';

/** Behind `Secret` and ids-only logging, the last line of defence: fields that are masked wherever a line has them. */
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
/** In the finished line, which reaches every depth, as pino's own redaction by paths does not. */
const SENSITIVE = new RegExp(`"(${SENSITIVE_NAMES.join('|')})":"(?:[^"\\\\]|\\\\.)*"`, 'g');

/**
 * @param options.process named in every line: `api`, `worker`, …
 * @param options.level the least important level that is written
 */
export function createLogger(options: { process: string; level: string }): Logger {
  const standardError = 2;
  const stream = process.stderr.isTTY
    ? pretty({ destination: standardError, sync: true, ignore: 'pid,hostname' })
    : batchedPerTick(pino.destination({ dest: standardError, sync: false }));
  return pino(
    {
      level: options.level,
      base: { process: options.process, pid: process.pid },
      timestamp: isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: (line) => line.replace(SENSITIVE, '"$1":"[masked]"') },
    },
    stream,
  );
}

/** For a write that has begun: far more than it takes, and short for the end of a process. */
const WRITE_WAIT_MS = 100;

/**
 * Hands over the lines of one turn of the event loop together: the destination measures and copies all that waits
 * whenever it gets something, which for single lines costs more than making them. Whatever ends the process in good
 * order, its last lines are written.
 */
function batchedPerTick(
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
    // Another thread writes it, which needs no more than a moment: what follows must neither overtake it nor end it.
    if (isWriting) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WRITE_WAIT_MS);
    flushLines();
    destination.flushSync();
  };
  process.once('exit', flushSync);
  return {
    write(line) {
      if (lines.push(line) === 1) setImmediate(flushLines);
    },
    flushSync,
  };
}

let lastTime = 0;
let lastText = '';

/** As pino's own, which makes the text anew for each line of the same millisecond. */
function isoTime(): string {
  const now = Date.now();
  if (now !== lastTime) {
    lastTime = now;
    lastText = `,"time":"${new Date(now).toISOString()}"`;
  }
  return lastText;
}
