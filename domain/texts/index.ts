/** The languages that customers read: each is one file of this folder, and one line here. */

import { english } from './en.ts';
import type { Language } from './language.ts';

/** By the language part of a BCP 47 tag. */
const LANGUAGES: Readonly<Record<string, Language>> = { en: english };

/** @param locale BCP 47, e.g. `de-AT`; without one, or in another language than those above: English */
export function textsFor(locale?: string | null): Language {
  return languageOf(locale) ?? english;
}

/** The locale to format amounts by: the customer's, if the texts are in its language, else the texts' own. */
export function localeOfTexts(locale: string): string {
  return languageOf(locale) ? locale : english.tag;
}

function languageOf(locale: string | null | undefined): Language | undefined {
  const [language = ''] = (locale ?? '').toLowerCase().split('-');
  return Object.hasOwn(LANGUAGES, language) ? LANGUAGES[language] : undefined;
}
