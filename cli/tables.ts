import Table from 'cli-table3';
import { formatMoney } from '../domain/money.ts';

/** Without colours: identical in a terminal, a file and an e-mail. */
const PLAIN = { head: [], border: [], 'padding-left': 1, 'padding-right': 1, compact: true };

type Cell = string | number | boolean | undefined | null;

/** Rows under their headings; `empty` if there are none. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly Cell[])[],
  empty: string,
): string {
  if (rows.length === 0) return empty;
  const made = new Table({ head: [...headings], style: PLAIN });
  for (const row of rows) made.push(row.map((cell) => wrapText(cellText(cell))));
  return made.toString();
}

/** The fields of one object: a name and a value on each line. */
export function fields(pairs: readonly (readonly [name: string, value: Cell])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${cellText(value)}`).join('\n');
}

/** @param amount minor units */
export function moneyText(amount: number, currency: string): string {
  return formatMoney(amount, currency, 'en');
}

/** To the second, in UTC: `2026-04-18 10:00:00`. */
export function timeText(time: string | undefined): string {
  return time === undefined ? '–' : time.slice(0, 19).replace('T', ' ');
}

/** Longer sentences and lists are wrapped; ids are never broken. */
const MAX_LINE_WIDTH = 72;

function wrapText(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= MAX_LINE_WIDTH)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join('\n');
}

function cellText(value: Cell): string {
  if (value === undefined || value === null || value === '') return '–';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return String(value);
}
