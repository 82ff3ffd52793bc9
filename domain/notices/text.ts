/** A notice as plain text. */

import type { NoticeContent, NoticeLanguage } from './content.ts';

/** RFC 3676 and every terminal are content with this. */
const WIDTH = 72;
/** What is longer than this may be broken like any other words. */
const LONGEST_UNBROKEN = 48;
/** Private use: stands for a space at which no line is broken. */
const UNBROKEN_SPACE = '\uE000';
/** `ending in 4242`, `4 March 2026` */
const AROUND_NUMBERS = / (?=\d)|(?<= \d{1,2}) /g;

/**
 * Heading, paragraphs, the link on a line of its own, small print.
 * @param together phrases that a reader looks for: not torn apart unless they are long
 */
export function textOf(
  content: NoticeContent,
  { link, together }: { link: string; together: readonly string[] },
  language: NoticeLanguage,
): string {
  const { heading, paragraphs, action, closing } = content;
  const lines = (block: string) => wrapped(block, together);
  const toDo = `${lines(language.linkLabel(action))}\n${link}`;
  return `${[lines(heading), ...paragraphs.map(lines), toDo, lines(closing)].join('\n\n')}\n`;
}

function wrapped(block: string, together: readonly string[]): string {
  const words = together
    .filter((phrase) => phrase.includes(' ') && phrase.length <= LONGEST_UNBROKEN)
    .reduce((text, phrase) => text.replaceAll(phrase, phrase.replaceAll(' ', UNBROKEN_SPACE)), block)
    .replace(AROUND_NUMBERS, UNBROKEN_SPACE)
    .split(' ');
  const lines: string[] = [];
  for (const word of words) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= WIDTH)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join('\n').replaceAll(UNBROKEN_SPACE, ' ');
}
