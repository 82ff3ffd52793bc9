/** Cards whose month ends, and what their customers are to hear of it. */

export { type CardNoticeContext, getCardNoticeContext } from './card-notice-context.ts';
export { findCardNoticesDue } from './notices-due.ts';
export { type CardStep, advanceCardExpiry } from './advance-card-expiry.ts';
