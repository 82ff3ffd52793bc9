import { PersonaError } from '../../domain/errors.ts';
import type { PaymentMethodStatus } from '../../domain/payment-method.ts';
import type { Policy } from '../../domain/policy.ts';
import type { ChargeOrder, ChargeQuery } from '../../domain/ports.ts';
import { railOf, type RailDetails } from '../../domain/rails.ts';
import type { AttemptState } from '../../domain/recovery/status.ts';
import { DataKey } from '../../security/data-key.ts';
import { trustParameters } from '../devices/trust-query.ts';
import type { Graph } from '../kernel/graph.ts';
import { readWallet } from '../wallet/wallet.ts';
import { isQuarantined, type Mismatch } from '../../domain/reconciliation/mismatches.ts';
import { isPermanentlyForbidden } from '../../domain/decline/ceilings.ts';
import { type CardRow, IS_COMPROMISED, readCardQuery } from './card.ts';
import { pastAttempts } from './ceilings.ts';
import { refusalByMethod } from './claim-attempt.ts';
import { requireObligation } from './read-obligation.ts';
import { UNRESOLVED } from './records.ts';

const READ_ORDER = `
  MATCH (a:ChargeAttempt {key: $key}) WHERE $payment_id IS NULL OR a.payment_id = $payment_id
  MATCH (o:Obligation {payment_id: a.payment_id})
  MATCH (c:Customer {id: a.customer_id})
  MATCH (c)-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod {id: a.payment_method_id})
  RETURN a.state AS state, c.status AS customer_status, p.status AS method_status, p.removed_at IS NOT NULL AS removed,
    h.off_session_consent AS off_session_consent, h.proven AS proven, coalesce(h.disputed, false) AS disputed,
    p.gateway_mismatch AS gateway_mismatch, ${IS_COMPROMISED} AS compromised,
    a.claimed_at AS claimed_at, a.claim_deadline AS claim_deadline, a.payment_id AS payment_id, a.amount AS amount,
    a.currency AS currency, o.gateway_ref AS gateway_ref, o.collect_again AS collect_again, o.opened_at AS opened_at, c.id AS customer_id,
    c.gateway_customer_ref AS gateway_customer_ref, p.id AS payment_method_id, p.token AS token,
    p.type AS type, p.network AS network, p.gateway_type AS gateway_type`;

interface OrderRow extends RailDetails {
  state: AttemptState;
  customer_status: string;
  method_status: PaymentMethodStatus;
  removed: boolean;
  off_session_consent: boolean;
  /** Not while it is contested. */
  proven: boolean;
  disputed: boolean;
  gateway_mismatch: Mismatch | null;
  /** Under any token of any customer. */
  compromised: boolean;
  claimed_at: string;
  claim_deadline: string;
  payment_id: string;
  amount: number;
  currency: string;
  gateway_ref: string | null;
  collect_again: boolean | null;
  opened_at: string;
  customer_id: string;
  gateway_customer_ref: string | null;
  payment_method_id: string;
  token: string;
}

/**
 * Everything that a charge sends, read immediately before it is sent: tokens never appear in a workflow's history.
 * @param key the attempt's key
 * @param payment_id the payment that the attempt must belong to; absent: any
 * @throws PersonaError recovery_not_found (no attempt, or another payment's), graph_unavailable, internal (the customer
 *   has no reference at the gateway, or no data key)
 */
export async function getChargeOrder(
  graph: Graph,
  { key, payment_id }: { key: string; payment_id?: string },
): Promise<{
  state: AttemptState;
  claimed_at: number;
  claim_deadline: number;
  payment_method_id: string;
  /** Why it must no longer be sent although it was claimed: how the customer or the method has changed since. */
  forbidden?: string;
  charge: ChargeOrder;
}> {
  const [row] = await graph.read<OrderRow>(READ_ORDER, { key, payment_id: payment_id ?? null });
  if (!row) {
    const whose = payment_id === undefined ? '' : ` for payment ${payment_id}`;
    throw new PersonaError('recovery_not_found', `there is no attempt${whose} with the key ${key}`);
  }
  if (row.gateway_customer_ref === null) {
    throw new PersonaError('internal', `customer ${row.customer_id} has no reference at the gateway`);
  }
  const owner = { label: 'CustomerKey', id: row.customer_id } as const;
  const wrapped = await graph.keyStore.read(graph, owner);
  if (!wrapped) throw new PersonaError('internal', `the data key of customer ${row.customer_id} is missing`);
  const token = DataKey.unwrap(graph.keyRing, owner, wrapped).open(
    row.token,
    'PaymentMethod',
    row.payment_method_id,
    'token',
  );
  return {
    state: row.state,
    claimed_at: Date.parse(row.claimed_at),
    payment_method_id: row.payment_method_id,
    ...forbiddenBy(row),
    claim_deadline: Date.parse(row.claim_deadline),
    charge: {
      key,
      payment_id: row.payment_id,
      customer_id: row.customer_id,
      ...(row.gateway_ref ? { gateway_ref: row.gateway_ref } : {}),
      ...(row.collect_again ? { collect_again: true } : {}),
      opened_at: Date.parse(row.opened_at),
      gateway_customer_ref: row.gateway_customer_ref,
      token,
      amount: row.amount,
      currency: row.currency,
      payment_method_type: railOf(row),
    },
  };
}

/** A claim is valid for one minute, during which the customer may remove the method or fraud may be detected. */
function forbiddenBy(row: OrderRow): { forbidden?: string } {
  const { customer_status, method_status, removed, off_session_consent, proven, disputed, compromised } = row;
  if (customer_status !== 'active') return { forbidden: `the customer is ${customer_status}` };
  if (removed) return { forbidden: 'the method has been removed' };
  if (method_status !== 'active') return { forbidden: `the method is ${method_status}` };
  if (!off_session_consent) return { forbidden: 'the consent to charge the method has been withdrawn' };
  if (!proven) return { forbidden: 'the method is not proven to be the customer’s' };
  if (disputed) return { forbidden: 'a charge on the method is disputed' };
  if (isQuarantined(row)) return { forbidden: 'the method belongs to another customer at the gateway' };
  return compromised ? { forbidden: 'the card is compromised' } : {};
}

/** An attempt whose outcome is not known, with everything needed to resolve it. */
export interface UnresolvedCharge {
  query: ChargeQuery;
  order: ChargeOrder;
  /** Whether the same request may be sent again: only while the method may still be charged for the obligation. */
  eligible: boolean;
}

/**
 * Reads an attempt in order to resolve it.
 *
 * @param input.now epoch milliseconds
 * @throws PersonaError recovery_not_found, graph_unavailable, internal
 */
export async function getUnresolvedCharge(
  graph: Graph,
  input: { key: string; policy: Policy; now: number },
): Promise<UnresolvedCharge> {
  const { key, policy, now } = input;
  const { state, claimed_at, payment_method_id, charge } = await getChargeOrder(graph, { key });
  const [{ obligation }, wallet, [card], [customer]] = await Promise.all([
    requireObligation(graph, charge.payment_id),
    readWallet(graph, charge.customer_id),
    graph.read<CardRow>(readCardQuery(policy.trust), {
      customer_id: charge.customer_id,
      payment_method_id,
      ...trustParameters(policy.trust, now),
    }),
    graph.read<{ status: string }>('MATCH (c:Customer {id: $id}) RETURN c.status AS status', {
      id: charge.customer_id,
    }),
  ]);
  const method = wallet.find((one) => one.payment_method_id === payment_method_id);
  const context = { obligation, policy, now };
  const { payment_id, gateway_ref, gateway_customer_ref, token } = charge;
  return {
    query: { payment_id, ...(gateway_ref ? { gateway_ref } : {}), gateway_customer_ref, token, claimed_at },
    order: charge,
    eligible:
      UNRESOLVED.includes(state) &&
      obligation.state === 'open' &&
      customer?.status === 'active' &&
      method !== undefined &&
      card?.compromised !== true &&
      !isPermanentlyForbidden(pastAttempts(card?.history ?? [])) &&
      refusalByMethod(method, card?.on_trusted_device ?? false, context) === undefined,
  };
}
