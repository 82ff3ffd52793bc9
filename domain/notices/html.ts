/** Renders a notice as HTML with tables and inline styles, which all mail clients support. */

import type { NoticeContent } from './content.ts';

const FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";

/** For clients that support dark mode; the others show the inline colours. */
const DARK_MODE = `@media (prefers-color-scheme:dark){
.page{background-color:#18181b!important}
.card{background-color:#27272a!important}
.words{color:#f4f4f5!important}
.small{color:#d4d4d8!important}
.button{background-color:#2563eb!important}
}`;

/** @param tag the language, BCP 47 */
export function renderHtml(content: NoticeContent, link: string, tag: string): string {
  const paragraphs = content.paragraphs
    .map((text) => `<p style="margin:0 0 16px;font-size:16px;line-height:24px">${escapeHtml(text)}</p>`)
    .join('\n');
  return `<!doctype html>
<html lang="${escapeHtml(tag)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${escapeHtml(content.subject)}</title>
<style>
:root{color-scheme:light dark}
${DARK_MODE}
</style>
</head>
<body class="page" style="margin:0;padding:0;background-color:#f4f4f5">
<div style="display:none;max-height:0;overflow:hidden">${escapeHtml(content.paragraphs[0] ?? '')}</div>
<table class="page" role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background-color:#f4f4f5">
<tr><td align="center" style="padding:32px 16px">
<table class="card" role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:560px;table-layout:fixed;background-color:#ffffff;border-radius:8px">
<tr><td class="words" style="padding:32px 24px;color:#18181b;overflow-wrap:break-word;word-wrap:break-word;${FONT}">
<h1 style="margin:0 0 16px;font-size:22px;line-height:28px;font-weight:600">${escapeHtml(content.heading)}</h1>
${paragraphs}
<table role="presentation" cellpadding="0" cellspacing="0" style="margin:24px 0">
<tr><td class="button" style="border-radius:6px;background-color:#1d4ed8">
<a href="${escapeHtml(link)}" style="display:inline-block;padding:12px 24px;font-size:16px;line-height:20px;font-weight:600;color:#ffffff;text-decoration:none;${FONT}">${escapeHtml(content.action)}</a>
</td></tr>
</table>
<p class="small" style="margin:0;font-size:14px;line-height:20px;color:#52525b">${escapeHtml(content.closing)}</p>
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

function escapeHtml(value: string): string {
  return value.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
