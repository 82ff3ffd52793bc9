import type { DeclineClass } from '../../domain/decline/classify.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { NoticeMethod, NoticeTemplate } from '../../domain/ports.ts';
import { PAID_BY_ANOTHER_METHOD } from '../../domain/recovery/status.ts';
import type { Graph } from '../graph.ts';

// The id of a refund's notice names its attempt; every other notice is about the charge that paid the obligation.
const READ_CONTEXT = `
  MATCH (o:Obligation {payment_id: $payment_id})
  MATCH (c:Customer {id: o.customer_id})
  OPTIONAL MATCH (failed:PaymentMethod {id: o.failed_payment_method_id})
  OPTIONAL MATCH (a:ChargeAttempt {payment_id: o.payment_id, source: 'recovery', state: 'approved'})
    WHERE CASE WHEN $template = 'refund_issued'
      THEN $notification_id ENDS WITH ':refund_issued:' + a.key ELSE NOT a.overpaid AND a.rule <> $by_another_method END
  OPTIONAL MATCH (charged:PaymentMethod {id: a.payment_method_id})
  OPTIONAL MATCH (c)-[:HAS_PAYMENT_METHOD {is_default: true}]->(standard:PaymentMethod)
  RETURN o.rule AS rule, coalesce(a.amount, o.amount) AS amount, coalesce(a.currency, o.currency) AS currency,
    o.description AS description, CASE WHEN o.state IN ['open', 'needs_review'] THEN o.closes_at END AS closes_at,
    failed {.brand, .last_four} AS failed_method, charged {.brand, .last_four} AS charged_method,
    charged.id = standard.id AND c.default_set_at >= o.opened_at AS swapped
  LIMIT 1`;

const READ_DECLINED_METHOD = `
  MATCH (a:ChargeAttempt {payment_id: $payment_id})
  WHERE a.source = 'recovery' AND a.state = 'declined' AND a.class = $class
  MATCH (p:PaymentMethod {id: a.payment_method_id})
  RETURN p.brand AS brand, p.last_four AS last_four
  ORDER BY a.claimed_at DESC LIMIT 1`;

type PartialMethod = { [K in keyof NoticeMethod]?: NoticeMethod[K] | null };

interface ContextRow {
  rule: string;
  amount: number | null;
  currency: string | null;
  description: string | null;
  closes_at: string | null;
  failed_method: PartialMethod | null;
  charged_method: PartialMethod | null;
  swapped: boolean | null;
}

/** What a notice about an obligation may mention. */
export interface NoticeContext {
  /** The obligation ended on suspicion of fraud: its notices go only to a verified address. */
  suspicious: boolean;
  /** Minor units. */
  amount: number;
  currency: string;
  description?: string;
  /** RFC 3339; absent once nothing will be charged any more. */
  closes_at?: string;
  failed_method: NoticeMethod;
  charged_method?: NoticeMethod;
  /** The charged method, if it became the default since the obligation was opened. */
  new_default?: NoticeMethod;
}

/** Notices about the attempt that was declined with this class, if that was not the first failure. */
const DECLINE_CLASS_OF: Partial<Record<NoticeTemplate, DeclineClass>> = {
  payment_declined_update_card: 'FRAUD',
  payment_stopped: 'STOP',
  authenticate: 'AUTH',
};

/** @throws PersonaError recovery_not_found */
export async function getNoticeContext(
  graph: Graph,
  about: { payment_id: string; notification_id: string; template: NoticeTemplate },
): Promise<NoticeContext> {
  const { payment_id, notification_id, template } = about;
  const declineClass = DECLINE_CLASS_OF[template];
  const [[row], [declinedMethod]] = await Promise.all([
    graph.read<ContextRow>(READ_CONTEXT, {
      ...{ payment_id, notification_id, template },
      by_another_method: PAID_BY_ANOTHER_METHOD,
    }),
    declineClass ? graph.read<PartialMethod>(READ_DECLINED_METHOD, { payment_id, class: declineClass }) : [],
  ]);
  if (!row || row.amount === null || row.currency === null) {
    throw new PersonaError('recovery_not_found', `there is no recovery of payment ${payment_id}`);
  }
  const charged = row.charged_method && noticeMethod(row.charged_method);
  return {
    suspicious: row.rule === 'fraud',
    amount: row.amount,
    currency: row.currency,
    ...(row.description ? { description: row.description } : {}),
    ...(row.closes_at ? { closes_at: row.closes_at } : {}),
    failed_method: noticeMethod(declinedMethod ?? row.failed_method ?? {}),
    ...(charged ? { charged_method: charged } : {}),
    ...(charged && row.swapped ? { new_default: charged } : {}),
  };
}

const REFUND_OWED = `
  MATCH (o:Obligation {payment_id: $payment_id})
  RETURN any(key IN coalesce(o.refunds_due, []) + coalesce(o.refunds_failed, [])
    WHERE $notification_id ENDS WITH ':refund_issued:' + key) AS owed`;

/**
 * Whether the refund that a notice is about is still owed, or owed again because it failed after the notice was due.
 */
export async function isRefundOwed(
  graph: Graph,
  about: { payment_id: string; notification_id: string },
): Promise<boolean> {
  const [row] = await graph.read<{ owed: boolean }>(REFUND_OWED, about);
  return row?.owed === true;
}

/** The gateway does not always report a method's details; a notice needs a text all the same. */
function noticeMethod({ brand, last_four }: PartialMethod): NoticeMethod {
  return { brand: brand ?? 'payment method', last_four: last_four ?? '' };
}
