/** Reads the state after a random run: graph and log directly, the ledger, and the responses of GetRecovery. */

import { verifyAll } from '../../../graph/replay/verify.ts';
import type { FaultSystem } from '../system.ts';
import type { ObservedState } from './observed-state.ts';
import { ledgerOf, type RunState } from './external-actions.ts';

const OBLIGATIONS = `
  UNWIND $ids AS id
  MATCH (:Customer {id: id})-[:OWES]->(o:Obligation)
  RETURN o.payment_id AS payment_id, o.customer_id AS customer_id, o.state AS state, o.rule AS rule, o.amount AS amount,
    o.currency AS currency, coalesce(o.refunds_failed, []) AS refunds_failed`;
const ATTEMPTS = `
  UNWIND $ids AS id
  MATCH (a:ChargeAttempt {customer_id: id})
  RETURN a.key AS key, a.source AS source, a.payment_id AS payment_id, a.payment_method_id AS payment_method_id,
    a.state AS state, a.rule AS rule, a.instrument_fingerprint AS fingerprint, coalesce(a.card_dead, false) AS card_dead`;
const EVENTS = `
  UNWIND $ids AS id
  MATCH (e:PersonaEvent {stream_id: id}) WHERE e.seq > 0
  RETURN id AS customer_id, e.type AS type, e.data AS data, e.recorded_at.epochMillis AS at ORDER BY id, e.seq`;

/** @param options.verify compares the whole graph with its log, which is slow */
export async function collectState(
  system: FaultSystem,
  { customers, failures, external }: RunState,
  { verify }: { verify: boolean },
): Promise<ObservedState> {
  const { graph, agents } = system;
  const ids = customers.map(({ id }) => id);
  const ofAll = <T>(cypher: string) => graph.read<T>(cypher, { ids });
  const payments = failures.map(({ payment_id }) => payment_id);
  const [obligations, attempts, events] = await Promise.all([
    ofAll<ObservedState['obligations'][number]>(OBLIGATIONS),
    ofAll<ObservedState['attempts'][number]>(ATTEMPTS),
    ofAll<Omit<ObservedState['events'][number], 'data'> & { data: string }>(EVENTS),
  ]);
  const phases: ObservedState['phases'] = {};
  for (const payment of payments)
    phases[payment] = (await agents.getRecovery(payment).catch(() => undefined))?.state;
  const differences: unknown[] = [];
  if (verify) await verifyAll(graph, { onDifference: (difference) => differences.push(difference) });
  return {
    payments,
    obligations,
    attempts,
    events: events.map((event) => ({ ...event, data: JSON.parse(event.data) as Record<string, unknown> })),
    ledger: await ledgerOf(system, payments, external),
    unrelated: external.unrelated,
    cards: Object.fromEntries(
      customers.flatMap(({ id, cards }) =>
        cards.map((card) => [card.token, { customer: id, method: card.id }] as const),
      ),
    ),
    phases,
    differences,
  };
}
