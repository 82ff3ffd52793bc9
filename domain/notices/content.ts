/** A notice's content before it is rendered as text and HTML: the same parts in every language. */

import type { NoticeDataOf, NoticeTemplate } from '../ports.ts';

export interface NoticeContent {
  subject: string;
  heading: string;
  /** Complete sentences; the first says what happened. */
  paragraphs: string[];
  /** The label of the call to action; it points to the notice's link. */
  action: string;
  /** Small print below the action. */
  closing: string;
}

/** The texts of one language. */
export interface NoticeLanguage {
  /** BCP 47. */
  tag: string;
  templates: { readonly [T in NoticeTemplate]: (data: NoticeDataOf[T]) => NoticeContent };
  /** The label before the link in a text without a button. */
  linkLabel: (action: string) => string;
}
