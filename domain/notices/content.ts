/** What a notice says, before it becomes a text and a page: the same parts in every language. */

import type { NoticeDataOf, NoticeTemplate } from '../ports.ts';

export interface NoticeContent {
  subject: string;
  heading: string;
  /** Whole sentences; the first says what happened. */
  paragraphs: string[];
  /** The one thing to do next; it leads to the notice's link. */
  action: string;
  /** Small print under the action. */
  closing: string;
}

/** The words of one language. */
export interface NoticeLanguage {
  /** BCP 47. */
  tag: string;
  templates: { readonly [T in NoticeTemplate]: (data: NoticeDataOf[T]) => NoticeContent };
  /** How a text without a button introduces the link. */
  linkLabel: (action: string) => string;
}
