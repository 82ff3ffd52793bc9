import { v7 as uuidv7 } from 'uuid';
import type { ErasedAttempt, ErasedObligation, ErasedRefund, Remains } from '../../domain/events/erasure.ts';
import { schemaVersion } from '../../domain/events/upcast.ts';
import { workflowCaller, WorkflowName } from '../../domain/workflow-contracts.ts';
import { DataKey } from '../../security/data-key.ts';
import { EFFECTS } from '../events/index.ts';
import { WRITE_EVENTS } from '../kernel/event-writes.ts';
import type { Graph } from '../kernel/graph.ts';
import { type Projection, projectionParameters } from '../kernel/projection.ts';
import type { Reader, Sender } from '../kernel/reader.ts';
import { runTransaction } from '../kernel/run-transaction.ts';
import type { AttemptNode, ObligationNode } from '../recovery/records.ts';
import type { ForgottenCustomer } from './forgotten-customer.ts';

/** Payments of one event: at a few attempts each well below the size that Kafka accepts. */
const PAGE = 200;

const VERSION = 'OPTIONAL MATCH (c:Customer {id: $pseudonym}) RETURN c.version AS version';
// Payments without an obligation too: of a report too old to open one, or a routed payment.
const NEXT_PAYMENTS = `
  CALL () {
    MATCH (:Customer {id: $customer_id})-[:OWES]->(o:Obligation)
    RETURN o.payment_id AS payment_id LIMIT $limit
    UNION
    MATCH (a:ChargeAttempt {customer_id: $customer_id}) WHERE a.state IS NOT NULL
    RETURN DISTINCT a.payment_id AS payment_id LIMIT $limit
  }
  WITH DISTINCT payment_id LIMIT $limit
  OPTIONAL MATCH (o:Obligation {payment_id: payment_id}) WHERE o.customer_id = $customer_id
  RETURN payment_id, properties(o) AS obligation,
    coalesce(head(COLLECT {
      MATCH (a:ChargeAttempt {payment_id: payment_id}) WHERE a.key STARTS WITH 'erased:'
      RETURN a.n ORDER BY a.n DESC LIMIT 1
    }), 0) AS erased,
    COLLECT {
      MATCH (a:ChargeAttempt {payment_id: payment_id}) WHERE a.customer_id = $customer_id
      RETURN properties(a) ORDER BY a.claimed_at, a.key
    } AS attempts,
    COLLECT {
      MATCH (r:Refund {payment_id: payment_id}) WHERE r.customer_id = $customer_id
      RETURN properties(r) ORDER BY r.id
    } AS refunds`;
const TAKE_AWAY = `
  UNWIND $payment_ids AS payment_id
  OPTIONAL MATCH (:Customer {id: $customer_id})-[owes:OWES]->(:Obligation {payment_id: payment_id})
  DELETE owes
  WITH payment_id
  MATCH (a:ChargeAttempt {payment_id: payment_id}) WHERE a.customer_id = $customer_id
  DETACH DELETE a`;

interface PaymentRow {
  payment_id: string;
  obligation: ObligationNode | null;
  /** The number of the last attempt that another customer's erasure has left, who was reported with the same payment; or 0. */
  erased: number;
  attempts: AttemptNode[];
  refunds: RefundNode[];
}

interface RefundNode {
  key: string;
  refund_ref: string;
  sent_at?: string;
  failed_at?: string;
}

/**
 * Moves a customer's payments to the pseudonym: one event for each page, at least one. Repeated, it goes on with the
 * payments that are left.
 * @throws PersonaError graph_unavailable
 */
export async function moveRemains(
  graph: Graph,
  { customer_id, pseudonym }: ForgottenCustomer,
  onProgress: () => void,
): Promise<void> {
  for (let isLast = false; !isLast; onProgress()) {
    isLast = await runTransaction(graph, async (statements: Reader & Sender) => {
      const { read, send } = statements;
      const [stream] = await read<{ version: number | null }>(VERSION, { pseudonym });
      const seq = (stream?.version ?? 0) + 1;
      const rows = await read<PaymentRow>(NEXT_PAYMENTS, { customer_id, limit: PAGE });
      if (rows.length === 0 && seq > 1) return true;
      send(TAKE_AWAY, { customer_id, payment_ids: rows.map(({ payment_id }) => payment_id) });
      appendErased(graph, statements, { pseudonym, seq, remains: remainsOf(rows) });
      return rows.length < PAGE;
    });
  }
}

function appendErased(
  graph: Graph,
  { send }: Sender,
  { pseudonym, seq, remains }: { pseudonym: string; seq: number; remains: Remains },
): void {
  const recorded_at = new Date(graph.now()).toISOString();
  const event = {
    ...({ id: uuidv7(), stream: 'customer', stream_id: pseudonym, seq, type: 'CustomerErased' } as const),
    ...{ schema_version: schemaVersion('CustomerErased'), occurred_at: recorded_at, recorded_at },
    // Nothing of the request: it would lead back.
    ...{ source: workflowCaller(WorkflowName.eraseCustomer), actor: 'persona', correlation_id: pseudonym },
    ...{ causation_id: null, data: { remains } },
  };
  const projection = EFFECTS.CustomerErased as Projection<'CustomerErased'>;
  const { blindIndex } = graph;
  // Nothing of it is sealed.
  send(projection.cypher, projectionParameters(projection, event, { key: DataKey.NONE, blindIndex }));
  send(WRITE_EVENTS, { events: [{ ...event, data: JSON.stringify(event.data) }] });
}

function remainsOf(rows: readonly PaymentRow[]): Remains {
  return {
    obligations: rows.flatMap(({ obligation }) =>
      obligation === null ? [] : [erasedObligation(obligation)],
    ),
    attempts: rows.flatMap(({ attempts, erased }) =>
      attempts.map((one, index) => erasedAttempt(one, erased + index + 1)),
    ),
    refunds: rows.flatMap(({ payment_id, attempts, refunds, erased }) =>
      refunds.map((refund): ErasedRefund => {
        const index = attempts.findIndex(({ key }) => key === refund.key);
        return {
          payment_id,
          n: index < 0 ? 0 : erased + index + 1,
          refund_ref: refund.refund_ref,
          sent_at: refund.sent_at ?? null,
          failed_at: refund.failed_at ?? null,
        };
      }),
    ),
  };
}

function erasedObligation(one: ObligationNode): ErasedObligation {
  return {
    payment_id: one.payment_id,
    amount: one.amount ?? null,
    currency: one.currency ?? null,
    state: one.state,
    gateway_ref: one.gateway_ref ?? null,
    settled_ref: one.settled_ref ?? null,
    opened_at: one.opened_at,
    closed_at: one.closed_at ?? null,
  };
}

function erasedAttempt(one: AttemptNode, n: number): ErasedAttempt {
  const { payment_id, source, amount, currency, state, overpaid, claimed_at } = one;
  return {
    ...{ payment_id, n, source, amount, currency, state, overpaid, claimed_at },
    class: one.class ?? null,
    gateway_ref: one.gateway_ref ?? null,
    resolved_at: one.resolved_at ?? null,
  };
}
