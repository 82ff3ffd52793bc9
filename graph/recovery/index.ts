/** Obligations, claims and attempts. */

export { acceptReport, clearReports, storeReport } from './accepted-reports.ts';
export { getPendingReviews, getUnresolvedChargesOfClosed, type PendingReview } from './pending-reviews.ts';
export { getChargeOrder, getUnresolvedCharge } from './charge-order.ts';
export { claimAttempt } from './claim-attempt.ts';
export { storeClock } from './clock.ts';
export { adoptGatewayPayment, closeRecovery, endReview, flagForReview } from './close-recovery.ts';
export { findKnownPayment } from './gateway-update.ts';
export { countInReview, getInReview, type ObligationInReview } from './in-review.ts';
export { getNoticeContext, isRefundOwed, type NoticeContext } from './notice-context.ts';
export { findNoticesDue, type NoticeDue } from './notices-due.ts';
export {
  finishNotice,
  getNoticeResult,
  NOTICES_CALLER,
  type NoticeResult,
  releaseNotice,
  leaseNotice,
} from './notices.ts';
export { type OpenedRecovery, openRecovery } from './open-recovery.ts';
export { openFromSettlement } from './open-from-settlement.ts';
export { setRecoveryPaused } from './pause.ts';
export {
  findChargeInFlight,
  findObligation,
  getObligation,
  getOpenObligations,
  getRecoveries,
  getRecovery,
  recoveryStatusOf,
  type StoredRecovery,
} from './queries.ts';
export { recordAttempt } from './record-attempt.ts';
export { recordRoutingOutcome } from './record-routing-outcome.ts';
export {
  followRefunds,
  getDueRefunds,
  getNextRefund,
  recordRefund,
  requestRefunds,
} from './refunds.ts';
export { findKnownRefund, type KnownRefund } from './refund-update.ts';
export { CLOCK_SKEW_MS, refusalOf } from './refusal.ts';
export { readReportedFailure } from './reported-failure.ts';
export { findReportsDue, openReport, postponeReports, type ReportDue } from './reports-due.ts';
export { refreshRecovery } from './refresh-recovery.ts';
export { resumeRecovery } from './snapshot.ts';
export { findRefundsDue, findSweepCandidates } from './sweep-candidates.ts';
