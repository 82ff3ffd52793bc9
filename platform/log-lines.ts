/** Writes the log lines of requests: identical to pino's, in a third of the time. */

import { type Logger, pino } from 'pino';
import { SENSITIVE_NAMES } from './logs.ts';

const { symbols } = pino;

/** The internals from which pino composes its lines. */
interface PinoInternals {
  /** The start of a line, by level number. */
  readonly [symbols.lsCacheSym]: Readonly<Record<number, string>>;
  readonly [symbols.timeSym]: () => string;
  /** The fields of every line of this logger. */
  readonly [symbols.chindingsSym]: string;
  readonly [symbols.endSym]: string;
  readonly [symbols.streamSym]: { write(line: string): void };
}

export type WriteLine<Name extends string> = (
  values: Readonly<Record<Name, string | number | undefined>>,
) => void;

/**
 * Creates a function that writes what `logger.info(values, message)` would. Since the field names are known in advance
 * and their values contain no fields, lines need not be searched for values to mask.
 * @param names must not include sensitive names
 */
export function createLineWriter<const Name extends string>(
  logger: Logger,
  message: string,
  names: readonly Name[],
): WriteLine<Name> {
  const masked = names.filter((name) => SENSITIVE_NAMES.includes(name));
  if (masked.length > 0) throw new Error(`unmasked log lines must not have the fields ${masked.join(', ')}`);
  const internals = logger as unknown as PinoInternals;
  const begin = internals[symbols.lsCacheSym][pino.levels.values.info as number];
  const end = `,"msg":${JSON.stringify(message)}${internals[symbols.endSym]}`;
  const fields = names.map((name) => ({ name, key: `,${JSON.stringify(name)}:` }));
  return (values) => {
    if (!logger.isLevelEnabled('info')) return;
    let line = begin + internals[symbols.timeSym]() + internals[symbols.chindingsSym];
    for (const { name, key } of fields) {
      const value = values[name];
      if (value !== undefined) line += key + JSON.stringify(value);
    }
    internals[symbols.streamSym].write(line + end);
  };
}
