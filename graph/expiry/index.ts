/** Cards whose month ends, and what their customers are to hear of it. */

export { type CardMatter, getCardMatter } from './card-matter.ts';
export { findCardNoticesDue } from './notices-due.ts';
export { type CardStep, rollCard } from './roll-card.ts';
