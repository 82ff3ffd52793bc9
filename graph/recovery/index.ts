/** Obligations, claims and attempts. */

export { claimAttempt } from './claim-attempt.ts';
export { getChargeOrder } from './charge-order.ts';
export { adoptGatewayPayment, closeRecovery, flagForReview } from './close-recovery.ts';
export {
  findNewsMatter,
  type NewsMatter,
  rememberGatewayEvent,
} from './gateway-news.ts';
export { mismatch } from './mismatch.ts';
export { openRecovery } from './open-recovery.ts';
export { openSettled } from './open-settled.ts';
export { getObligation, getOpenObligations, getRecoveries, getRecovery } from './queries.ts';
export { recordAttempt } from './record-attempt.ts';
export { finishNotice, getNoticeMatter, type NoticeMatter, startNotice } from './notices.ts';
