/** A notice and its subject. */
export interface NoticeReference {
  notification_id: string;
  template: string;
  payment_id: string | null;
  /** The fraud case that suspended the customer. */
  case_id?: string;
  /** The expiring card. */
  payment_method_id?: string;
  /** The decided contest. */
  contest_id?: string;
}

/** The end of a notice, in its customer's stream. */
export interface NoticeEvents {
  NoticeSent: NoticeReference & { channel: string };
  NoticeFailed: NoticeReference & { channel: string | null; reason: string };
}
