/** Reads what a random run has left: graph and log past every program, the ledger, and what GetRecovery says. */

import { verifyAll } from '../../../graph/replay/verify.ts';
import type { FaultSystem } from '../system.ts';
import type { Findings, LedgerEntry } from './check.ts';
import type { World } from './run.ts';

const OBLIGATIONS = `
  MATCH (:Customer {id: $id})-[:OWES]->(o:Obligation)
  RETURN o.payment_id AS payment_id, o.customer_id AS customer_id, o.state AS state, o.amount AS amount,
    o.currency AS currency`;
const ATTEMPTS = `
  MATCH (a:ChargeAttempt {customer_id: $id}) WHERE a.source = 'recovery'
  RETURN a.key AS key, a.payment_id AS payment_id, a.payment_method_id AS payment_method_id, a.state AS state`;
const EVENTS = `
  MATCH (e:PersonaEvent {stream_id: $id}) WHERE e.seq > 0
  RETURN $id AS customer_id, e.type AS type, e.data AS data ORDER BY e.seq`;

/** @param options.verify compares the whole graph with its log, which takes its time */
export async function collect(
  system: FaultSystem,
  { customers, failures }: World,
  { verify }: { verify: boolean },
): Promise<Findings> {
  const { graph, agents, persona } = system;
  const ofAll = async <T>(cypher: string) =>
    (await Promise.all(customers.map(({ id }) => graph.read<T>(cypher, { id })))).flat();
  const payments = failures.map(({ payment_id }) => payment_id);
  const [obligations, attempts, events] = await Promise.all([
    ofAll<Findings['obligations'][number]>(OBLIGATIONS),
    ofAll<Findings['attempts'][number]>(ATTEMPTS),
    ofAll<{ customer_id: string; type: string; data: string }>(EVENTS),
  ]);
  const phases: Findings['phases'] = {};
  for (const payment of payments)
    phases[payment] = (await agents.getRecovery(payment).catch(() => undefined))?.state;
  const differences: unknown[] = [];
  if (verify) await verifyAll(graph, { onDifference: (difference) => differences.push(difference) });
  const { data } = (await (await fetch(`${persona.addresses.gateway}/_sim/charges`)).json()) as {
    data: LedgerEntry[];
  };
  return {
    payments,
    obligations,
    attempts,
    events: events.map((event) => ({ ...event, data: JSON.parse(event.data) as Record<string, unknown> })),
    ledger: data.filter((entry) => payments.includes(entry.payment_id)),
    cards: Object.fromEntries(
      customers.flatMap(({ id, cards }) =>
        cards.map((card) => [card.token, { customer: id, method: card.id }] as const),
      ),
    ),
    phases,
    differences,
  };
}
