/** Renders a template and its data to a message: a subject line, a plain text and HTML for mail clients. */

import { formatMoney } from '../money.ts';
import type { Notice, NoticeData, NoticeDataOf, NoticeTemplate } from '../ports.ts';
import { localeOfTexts, textsFor } from '../texts/index.ts';
import type { NoticeContent, NoticeLanguage } from './content.ts';
import { renderHtml } from './html.ts';
import { renderText } from './text.ts';

export type RenderedNotice = Pick<Notice, 'subject' | 'text' | 'html'>;

/**
 * @param options.locale BCP 47, e.g. `de-AT`; an unsupported language falls back to English
 * @param options.channel a text message has neither heading nor small print
 */
export function renderNotice<T extends NoticeTemplate>(
  template: T,
  data: NoticeDataOf[T],
  { locale, channel }: Pick<Notice, 'locale' | 'channel'>,
): RenderedNotice {
  const language = textsFor(locale);
  const clean = sanitise(data);
  const content = language.templates[template](clean);
  return {
    subject: content.subject,
    text:
      channel === 'sms'
        ? renderSms(content, clean, language)
        : renderText(content, { link: clean.link, keepTogether: keyPhrases(clean) }, language),
    html: renderHtml(content, clean.link, language.tag),
  };
}

/** Formats an amount for a notice: by the locale if the notice is in its language, else in English. */
export function amountText(minor: number, currency: string, locale: string): string {
  return formatMoney(minor, currency, localeOfTexts(locale));
}

/**
 * Values are untrusted: a line break in one must not start a new mail header or paragraph, and a bidirectional control
 * must not affect the surrounding text.
 */
function sanitise<D extends object>(data: D): D {
  const clean = (value: unknown): unknown => {
    if (typeof value === 'string')
      return value
        .replace(/\p{Bidi_Control}/gu, '')
        .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
        .trim();
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, clean(part)]));
  };
  return clean(data) as D;
}

/** The phrases of a payment notice that are kept on one line. */
function keyPhrases({ amount_text = '', description = '' }: Partial<NoticeData>): string[] {
  return [amount_text, description];
}

function renderSms(content: NoticeContent, { link }: { link: string }, language: NoticeLanguage): string {
  return [...content.paragraphs, `${language.linkLabel(content.action)} ${link}`].join('\n');
}
