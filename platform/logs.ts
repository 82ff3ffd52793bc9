/**
 * Structured logs: JSON lines on standard error (standard output belongs to what a process has to say to programs),
 * readable ones on a terminal.
 */

import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';

export type { Logger } from 'pino';

/**
 * Behind `Secret` and ids-only logging, the last line of defence: fields that are masked wherever a line has them. Done
 * on the finished line, which reaches every depth, as pino's own redaction by paths does not.
 */
const SENSITIVE =
  /"(token|password|authorization|api_key|secret|email|phone|fingerprint|ip|value|street1|street2)":"(?:[^"\\]|\\.)*"/g;

/**
 * @param options.process named in every line: `api`, `worker`, …
 * @param options.level the least important level that is written
 */
export function createLogger(options: { process: string; level: string }): Logger {
  const standardError = 2;
  const stream = process.stderr.isTTY
    ? pretty({ destination: standardError, sync: true, ignore: 'pid,hostname' })
    : pino.destination({ dest: standardError, sync: false });
  return pino(
    {
      level: options.level,
      base: { process: options.process, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: (line) => line.replace(SENSITIVE, '"$1":"[masked]"') },
    },
    stream,
  );
}
