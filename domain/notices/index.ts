/** Makes a finished message of a template and its data: a subject line, a plain text and a page for mail clients. */

import type { NoticeData, NoticeTemplate } from '../ports.ts';
import type { NoticeContent, NoticeLanguage } from './content.ts';
import { english } from './english.ts';

/** By the first part of a BCP 47 tag. */
const LANGUAGES: Readonly<Record<string, NoticeLanguage>> = { en: english };

export interface RenderedNotice {
  subject: string;
  text: string;
  html: string;
}

/** `locale`: BCP 47, e.g. `de-AT`; a language that is not there yet is written in English. */
export function renderNotice(template: NoticeTemplate, data: NoticeData, locale: string): RenderedNotice {
  const language = LANGUAGES[locale.split('-')[0]?.toLowerCase() ?? ''] ?? english;
  const clean = singleLines(data);
  const content = language.templates[template](clean);
  return {
    subject: content.subject,
    text: textOf(content, clean.link, language),
    html: htmlOf(content, clean.link, language.tag),
  };
}

/** Values come from outside: a line break in one must not start a new line of a mail's header, or a new paragraph. */
function singleLines(data: NoticeData): NoticeData {
  const clean = (value: unknown): unknown => {
    if (typeof value === 'string') return value.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, clean(part)]));
  };
  return clean(data) as NoticeData;
}

function textOf(content: NoticeContent, link: string, language: NoticeLanguage): string {
  const { heading, paragraphs, action, closing } = content;
  return `${[heading, ...paragraphs, `${language.linkLabel(action)}\n${link}`, closing].join('\n\n')}\n`;
}

/** Tables and inline styles: what mail clients agree on. */
function htmlOf(content: NoticeContent, link: string, tag: string): string {
  const font = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
  const paragraphs = content.paragraphs
    .map((text) => `<p style="margin:0 0 16px;font-size:16px;line-height:24px">${escaped(text)}</p>`)
    .join('\n');
  return `<!doctype html>
<html lang="${escaped(tag)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light">
<title>${escaped(content.subject)}</title>
</head>
<body style="margin:0;padding:0;background-color:#f4f4f5">
<div style="display:none;max-height:0;overflow:hidden">${escaped(content.paragraphs[0] ?? '')}</div>
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background-color:#f4f4f5">
<tr><td align="center" style="padding:32px 16px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:560px;background-color:#ffffff;border-radius:8px">
<tr><td style="padding:32px;color:#18181b;${font}">
<h1 style="margin:0 0 16px;font-size:22px;line-height:28px;font-weight:600">${escaped(content.heading)}</h1>
${paragraphs}
<table role="presentation" cellpadding="0" cellspacing="0" style="margin:24px 0">
<tr><td style="border-radius:6px;background-color:#1d4ed8">
<a href="${escaped(link)}" style="display:inline-block;padding:12px 24px;font-size:16px;font-weight:600;color:#ffffff;text-decoration:none;${font}">${escaped(content.action)}</a>
</td></tr>
</table>
<p style="margin:0;font-size:14px;line-height:20px;color:#52525b">${escaped(content.closing)}</p>
</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(value: string): string {
  return value.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
