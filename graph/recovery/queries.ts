import type { RecoveryOutcome, PublicState, RecoveryStatus } from '../../domain/recovery/status.ts';
import type { Graph } from '../kernel/graph.ts';
import type { Reader } from '../kernel/reader.ts';
import { findObligation as find, type ObligationWithAttempts, requireObligation } from './read-obligation.ts';
import {
  type AttemptNode,
  isClosed,
  isUnresolved,
  newestReport,
  type ObligationNode,
  ownAttempts,
} from './records.ts';

/**
 * An obligation and its customer's reference at the gateway.
 * @throws PersonaError recovery_not_found
 */
export async function getObligation(
  graph: Graph,
  paymentId: string,
): Promise<ObligationNode & { gateway_customer_ref?: string }> {
  const { obligation } = await requireObligation(graph, paymentId);
  const [row] = await graph.read<{ ref: string | null }>(
    'MATCH (c:Customer {id: $id}) RETURN c.gateway_customer_ref AS ref',
    { id: obligation.customer_id },
  );
  return { ...obligation, ...(row?.ref ? { gateway_customer_ref: row.ref } : {}) };
}

/** `undefined`: no message ever named this payment, or only failures too old to open an obligation. */
export async function findObligation(reader: Reader, paymentId: string): Promise<ObligationNode | undefined> {
  return (await find(reader, paymentId))?.obligation;
}

const OPEN_OBLIGATIONS = `
  MATCH (:Customer {id: $customer_id})-[:OWES]->(o:Obligation)
  WHERE o.state IN ['open', 'needs_review']
  RETURN o.payment_id AS payment_id ORDER BY payment_id`;

/** The payments that a customer still owes: their recoveries are signalled about a new method. */
export async function getOpenObligations(reader: Reader, customerId: string): Promise<string[]> {
  const rows = await reader.read<{ payment_id: string }>(OPEN_OBLIGATIONS, { customer_id: customerId });
  return rows.map((row) => row.payment_id);
}

const IN_FLIGHT = `
  MATCH (a:ChargeAttempt {customer_id: $customer_id, state: 'in_flight'})
  WHERE a.payment_method_id = $payment_method_id
  RETURN a.key AS key LIMIT 1`;

/** The key of Persona's charge in flight on this method; `undefined`: none. */
export async function findChargeInFlight(
  reader: Reader,
  ids: { customer_id: string; payment_method_id: string },
): Promise<string | undefined> {
  const [row] = await reader.read<{ key: string }>(IN_FLIGHT, ids);
  return row?.key;
}

/** @property changed_seq - the event that last changed it */
export type StoredRecovery = RecoveryStatus & { changed_seq: number };

/**
 * The recovery of a payment, read from the graph alone, so also after its workflow is gone. `undefined`: no failure of
 * this payment was ever reported.
 */
export async function getRecovery(reader: Reader, paymentId: string): Promise<StoredRecovery | undefined> {
  const found = await find(reader, paymentId);
  return found && recoveryStatusOf(found);
}

const RECOVERIES = `
  MATCH (:Customer {id: $customer_id})-[:OWES]->(o:Obligation)
  WHERE o.failed_payment_method_id IS NOT NULL OR EXISTS { (:ChargeAttempt {payment_id: o.payment_id}) }
  WITH o ORDER BY o.opened_at DESC, o.payment_id
  WHERE $before IS NULL OR o.opened_at < datetime($before.opened_at)
    OR (o.opened_at = datetime($before.opened_at) AND o.payment_id > $before.payment_id)
  WITH o LIMIT $limit
  RETURN properties(o) AS obligation,
    COLLECT { MATCH (a:ChargeAttempt {payment_id: o.payment_id}) RETURN properties(a) ORDER BY a.claimed_at, a.key } AS attempts`;

/**
 * A customer's recoveries, newest first; a payment of which no failure was ever reported has none.
 * @param input.before the last recovery of the previous page
 */
export async function getRecoveries(
  reader: Reader,
  input: { customer_id: string; limit: number; before?: { opened_at: string; payment_id: string } },
): Promise<StoredRecovery[]> {
  const { customer_id, limit, before = null } = input;
  const rows = await reader.read<ObligationWithAttempts>(RECOVERIES, { customer_id, limit, before });
  return rows.flatMap((row) => recoveryStatusOf(row) ?? []);
}

/** `undefined`: no failure was ever reported. */
export function recoveryStatusOf({
  obligation,
  attempts,
}: ObligationWithAttempts): StoredRecovery | undefined {
  const report = newestReport(attempts);
  // If the settlement arrived before the failure, only the report says what had failed.
  const {
    failed_payment_method_id = report?.payment_method_id,
    amount = report?.amount,
    currency = report?.currency,
  } = obligation;
  if (failed_payment_method_id === undefined || amount === undefined || currency === undefined)
    return undefined;
  const state = publicStateOf(obligation, attempts);
  return {
    payment_id: obligation.payment_id,
    customer_id: obligation.customer_id,
    state,
    ...(isClosed(obligation) ? { outcome: obligation.state as RecoveryOutcome } : {}),
    class: report?.class ?? 'LATER',
    rule: obligation.rule,
    amount,
    currency,
    failed_payment_method_id,
    attempts: ownAttempts(attempts),
    ...(state === 'needs_review' ? { waiting_for: 'review' as const } : {}),
    paused: obligation.paused === true && !isClosed(obligation),
    opened_at: obligation.opened_at,
    ...(obligation.closes_at ? { closes_at: obligation.closes_at } : {}),
    changed_seq: obligation.changed_seq,
  };
}

function publicStateOf(obligation: ObligationNode, attempts: readonly AttemptNode[]): PublicState {
  if (isClosed(obligation)) return 'done';
  if (obligation.state === 'needs_review') return 'needs_review';
  const unresolved = attempts.find(isUnresolved);
  if (unresolved?.state === 'in_flight') return 'charging';
  if (unresolved?.state === 'pending' || unresolved?.state === 'unknown') return unresolved.state;
  return 'waiting';
}
