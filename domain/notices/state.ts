/** The final states of a notice. */

import { REFUND_HAS_FAILED } from '../recovery/refunds.ts';

/** `withdrawn`: before it was sent; it may become due again. The other two are final. */
export type NoticeState = 'sent' | 'failed' | 'withdrawn';

/** @param failure - why it was not sent, as in `NoticeFailed`; absent: it was sent */
export function noticeState(failure: string | undefined): NoticeState {
  if (failure === undefined) return 'sent';
  return failure === REFUND_HAS_FAILED ? 'withdrawn' : 'failed';
}
