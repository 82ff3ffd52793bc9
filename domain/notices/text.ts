/** Renders a notice as plain text. */

import type { NoticeContent, NoticeLanguage } from './content.ts';

/** Within the limits of RFC 3676 and of every terminal. */
const WIDTH = 72;
/** A longer phrase may be broken like other text. */
const MAX_UNBROKEN_LENGTH = 48;
/** A private-use character for a space at which no line is broken. */
const NON_BREAKING_SPACE = '\uE000';
/** `ending in 4242`, `4 March 2026` */
const AROUND_NUMBERS = / (?=\d)|(?<= \d{1,2}) /g;

/**
 * Heading, paragraphs, the link on its own line, small print.
 * @param keepTogether phrases that readers look for: not broken across lines unless they are long
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
