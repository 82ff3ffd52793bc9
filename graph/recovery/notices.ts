import { PersonaError } from '../../domain/errors.ts';
import type { DeclineClass } from '../../domain/decline/classify.ts';
import type { NoticeMethod, NoticeTemplate } from '../../domain/ports.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { Graph } from '../graph.ts';

const READ_MATTER = `
  MATCH (o:Obligation {payment_id: $payment_id})
  MATCH (c:Customer {id: o.customer_id})
  OPTIONAL MATCH (spoke:ChargeAttempt {payment_id: o.payment_id, source: 'recovery', state: 'declined', class: $class})
  WITH o, c, spoke ORDER BY spoke.claimed_at DESC LIMIT 1
  OPTIONAL MATCH (failed:PaymentMethod {id: coalesce(spoke.payment_method_id, o.failed_payment_method_id)})
  OPTIONAL MATCH (a:ChargeAttempt {payment_id: o.payment_id, source: 'recovery', state: 'approved'})
  OPTIONAL MATCH (charged:PaymentMethod {id: a.payment_method_id})
  OPTIONAL MATCH (c)-[:HAS_PAYMENT_METHOD {is_default: true}]->(standard:PaymentMethod)
  RETURN o.rule AS rule, o.amount AS amount, o.currency AS currency,
    o.description AS description, o.closes_at AS closes_at,
    failed {.brand, .last_four} AS failed_method, charged {.brand, .last_four} AS charged_method,
    standard {.brand, .last_four} AS new_default, charged.id = standard.id AND o.failed_was_default AS swapped
  LIMIT 1`;

interface MatterRow {
  rule: string;
  amount: number | null;
  currency: string | null;
  description: string | null;
  closes_at: string | null;
  failed_method: Partial<NoticeMethod> | null;
  charged_method: Partial<NoticeMethod> | null;
  new_default: Partial<NoticeMethod> | null;
  swapped: boolean | null;
}

/** What a notice about an obligation may speak of. */
export interface NoticeMatter {
  /** The obligation ended on a suspicion: nobody but a verified address may hear of it. */
  verified_only: boolean;
  /** Minor units. */
  amount: number;
  currency: string;
  description?: string;
  closes_at?: string;
  failed_method: NoticeMethod;
  charged_method?: NoticeMethod;
  /** The charged method, if it is the default now. */
  new_default?: NoticeMethod;
}

/** Notices that speak of the attempt that was declined in that way, where it was not the first failure. */
const SPEAKS_OF: Partial<Record<NoticeTemplate, DeclineClass>> = {
  payment_declined_update_card: 'FRAUD',
  payment_stopped: 'STOP',
  authenticate: 'AUTH',
};

/** @throws PersonaError recovery_not_found */
export async function getNoticeMatter(
  graph: Graph,
  paymentId: string,
  template: NoticeTemplate,
): Promise<NoticeMatter> {
  const parameters = { payment_id: paymentId, class: SPEAKS_OF[template] ?? null };
  const [row] = await graph.read<MatterRow>(READ_MATTER, parameters);
  if (!row || row.amount === null || row.currency === null) {
    throw new PersonaError('recovery_not_found', `there is no recovery of payment ${paymentId}`);
  }
  const charged = row.charged_method && named(row.charged_method);
  return {
    verified_only: row.rule === 'fraud',
    amount: row.amount,
    currency: row.currency,
    ...(row.description ? { description: row.description } : {}),
    ...(row.closes_at ? { closes_at: row.closes_at } : {}),
    failed_method: named(row.failed_method ?? {}),
    ...(charged ? { charged_method: charged } : {}),
    ...(charged && row.swapped ? { new_default: charged } : {}),
  };
}

/** The gateway does not always say what a method is; a notice says something all the same. */
function named(method: { [K in keyof NoticeMethod]?: NoticeMethod[K] | null }): NoticeMethod {
  return { brand: method.brand ?? 'payment method', last_four: method.last_four ?? '' };
}

const DONE = `
  MATCH (r:CommandReceipt {caller: $caller, key: $key})
  RETURN r.result AS result`;

/**
 * Says that a notice is about to be handed over. `done`: it was handed over, or given up, before; `again`: somebody
 * began and did not tell how it ended, so the receiver may have it already (the notification id tells it so).
 * @param input.try_id what tells this try from others
 */
export async function startNotice(
  graph: Graph,
  header: CommandHeader,
  input: { notification_id: string; try_id: string },
): Promise<'first' | 'again' | 'done'> {
  const { notification_id, try_id } = input;
  const [finished] = await graph.read(DONE, { caller: header.caller, key: finishedKey(notification_id) });
  if (finished) return 'done';
  const begin = { ...header, idempotencyKey: `notice:${notification_id}` };
  const first = await runCommand(graph, begin, 'startNotice', { notification_id }, async () => ({ try_id }));
  return first.try_id === try_id ? 'first' : 'again';
}

export interface NoticeEnd {
  notification_id: string;
  customer_id: string;
  payment_id: string;
  template: string;
  channel: string | null;
  /** Why it was given up; absent when it was handed over. */
  failure?: string;
}

/** Writes down how a notice ended. The first end stands. */
export async function finishNotice(graph: Graph, header: CommandHeader, end: NoticeEnd): Promise<void> {
  const { notification_id, customer_id, payment_id, template, channel, failure } = end;
  const finish = { ...header, idempotencyKey: finishedKey(notification_id) };
  await runCommand(graph, finish, 'finishNotice', { notification_id }, async (tx) => {
    await tx.lockCustomer(customer_id);
    const stream = { stream: 'customer', stream_id: customer_id } as const;
    const data = { notification_id, template, payment_id };
    if (failure === undefined) {
      tx.append({ ...stream, type: 'NoticeSent', data: { ...data, channel: channel ?? 'email' } });
    } else {
      tx.append({ ...stream, type: 'NoticeFailed', data: { ...data, channel, reason: failure } });
    }
  });
}

const finishedKey = (notificationId: string) => `notice:${notificationId}:end`;
