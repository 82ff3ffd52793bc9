/** A notice as plain text. */

import type { NoticeContent, NoticeLanguage } from './content.ts';

/** RFC 3676 and every terminal are content with this. */
const WIDTH = 72;
/** What is longer than this may be broken like any other words. */
const MAX_UNBROKEN_LENGTH = 48;
/** Private use: stands for a space at which no line is broken. */
const NON_BREAKING_SPACE = '\uE000';
/** `ending in 4242`, `4 March 2026` */
const AROUND_NUMBERS = / (?=\d)|(?<= \d{1,2}) /g;

/**
 * Heading, paragraphs, the link on a line of its own, small print.
 * @param together phrases that a reader looks for: not torn apart unless they are long
 */
export function renderText(
  content: NoticeContent,
  { link, keepTogether }: { link: string; keepTogether: readonly string[] },
  language: NoticeLanguage,
): string {
  const { heading, paragraphs, action, closing } = content;
  const lines = (block: string) => wrapLines(block, keepTogether);
  const callToAction = `${lines(language.linkLabel(action))}\n${link}`;
  return `${[lines(heading), ...paragraphs.map(lines), callToAction, lines(closing)].join('\n\n')}\n`;
}

function wrapLines(block: string, keepTogether: readonly string[]): string {
  const words = keepTogether
    .filter((phrase) => phrase.includes(' ') && phrase.length <= MAX_UNBROKEN_LENGTH)
    .reduce((text, phrase) => text.replaceAll(phrase, phrase.replaceAll(' ', NON_BREAKING_SPACE)), block)
    .replace(AROUND_NUMBERS, NON_BREAKING_SPACE)
    .split(' ');
  const lines: string[] = [];
  for (const word of words) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= WIDTH)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join('\n').replaceAll(NON_BREAKING_SPACE, ' ');
}
