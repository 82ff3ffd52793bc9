/** Expiring cards, and the notices about them. */

export { type CardNoticeContext, getCardNoticeContext } from './card-notice-context.ts';
export { findCardNoticesDue } from './notices-due.ts';
export { type CardStep, advanceCardExpiry } from './advance-card-expiry.ts';
