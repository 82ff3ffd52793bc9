/** Obligations, claims and attempts. */

export { claimAttempt } from './claim-attempt.ts';
export { getChargeOrder } from './charge-order.ts';
export { adoptGatewayPayment, closeRecovery, flagForReview } from './close-recovery.ts';
export { mismatch } from './mismatch.ts';
export { openRecovery } from './open-recovery.ts';
export { openSettled } from './open-settled.ts';
export { getObligation, getOpenObligations, getRecoveries, getRecovery } from './queries.ts';
export { recordAttempt } from './record-attempt.ts';
export { getNoticeMatter, type NoticeMatter } from './notice-matter.ts';
export {
  finishNotice,
  getNoticeResult,
  type NoticeResult,
  releaseNotice,
  startNotice,
} from './notices.ts';
