/** Obligations, claims and attempts. */

export { acceptReport, clearReports, keepReport } from './accepted-reports.ts';
export { getAllInReview, getDoubtsOfClosed, type ReviewedObligation } from './awaiting.ts';
export { getChargeOrder, getDoubt } from './charge-order.ts';
export { claimAttempt } from './claim-attempt.ts';
export { keepClock } from './clock.ts';
export { adoptGatewayPayment, closeRecovery, endReview, flagForReview } from './close-recovery.ts';
export { findNewsMatter } from './gateway-news.ts';
export { countInReview, getInReview, type InReview } from './in-review.ts';
export { getNoticeMatter, isRefundOwed, type NoticeMatter } from './notice-matter.ts';
export { findNoticesDue, type NoticeDue } from './notices-due.ts';
export {
  finishNotice,
  getNoticeResult,
  NOTICES_CALLER,
  type NoticeResult,
  releaseNotice,
  startNotice,
} from './notices.ts';
export { type OpenedRecovery, openRecovery } from './open-recovery.ts';
export { openSettled } from './open-settled.ts';
export { setRecoveryPaused } from './pause.ts';
export {
  findChargeInFlight,
  findObligation,
  getObligation,
  getOpenObligations,
  getRecoveries,
  getRecovery,
} from './queries.ts';
export { recordAttempt } from './record-attempt.ts';
export {
  followRefunds,
  getDueRefunds,
  getRefundOrder,
  recordRefund,
  requestRefunds,
} from './refunds.ts';
export { findRefundMatter, type RefundMatter } from './refund-news.ts';
export { CLOCK_SKEW_MS, refusalOf } from './refusal.ts';
export { findReportsDue, openReport, postponeReports, type ReportDue } from './reports-due.ts';
export { rereadRecovery } from './reread.ts';
export { resumeRecovery } from './snapshot.ts';
export { findRefundsDue, findUnattended } from './unattended.ts';
