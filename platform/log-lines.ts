/** Log lines that come with every request: the same as pino's, for a third of what those take. */

import { type Logger, pino } from 'pino';
import { SENSITIVE_NAMES } from './logs.ts';

const { symbols } = pino;

/** What pino makes its own lines of. */
interface PinoInternals {
  /** The beginning of a line, by its level's number. */
  readonly [symbols.lsCacheSym]: Readonly<Record<number, string>>;
  readonly [symbols.timeSym]: () => string;
  /** What every line of this logger says. */
  readonly [symbols.chindingsSym]: string;
  readonly [symbols.endSym]: string;
  readonly [symbols.streamSym]: { write(line: string): void };
}

export type WriteLine<Name extends string> = (
  values: Readonly<Record<Name, string | number | undefined>>,
) => void;

/**
 * Makes a function that writes what `logger.info(values, message)` would. Since the fields' names are known in advance,
 * and their values contain no fields, no line need be searched for what must be masked.
 * @param names none of which is masked in other lines
 */
export function createLineWriter<const Name extends string>(
  logger: Logger,
  message: string,
  names: readonly Name[],
): WriteLine<Name> {
  const masked = names.filter((name) => SENSITIVE_NAMES.includes(name));
  if (masked.length > 0) throw new Error(`lines without masks must not have ${masked.join(', ')}`);
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
