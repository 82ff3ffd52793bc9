/** Erasures, stopped between and within their steps: whatever is killed there, each ends, once, and nothing is left. */

import { WorkflowNotFoundError } from '@temporalio/client';
import { expect } from 'vitest';
import { SearchAttribute } from '../../../domain/workflow-contracts.ts';
import { requestErasure } from '../../../graph/erasure/index.ts';
import { fetchAs } from '../../../platform/run-access.ts';
import { startErasure } from '../../../temporal/workflow-client.ts';
import { customerWithScriptedCards, failureOf } from '../customer-fixtures.ts';
import type { StopCondition } from '../proxy.ts';
import type { FaultSystem } from '../system.ts';
import { COMMIT_MOMENTS, type StoppedProcess, stopProcessAt } from './stopped-process.ts';

interface Ids {
  erasure: string;
  customer: string;
}

/** A statement of each step that writes, with what of the erasure it names. */
const WRITES = {
  'the journal has it': ({ erasure }) => ['e.recorded_at', erasure],
  'the customer is hidden': ({ customer }) => ['erasure requested', customer],
  'what is open is settled': ({ erasure }) => ['e.settled_at', erasure],
  'the notice is recorded': ({ erasure }) => ['NoticeSent', `erasure:${erasure}`],
  'it is announced': ({ customer }) => ['ErasureAnnounced', customer],
  'others are notified': ({ erasure }) => ['e.notified_at', erasure],
  'the key is destroyed': ({ customer }) => ['SET e.pseudonym', customer],
  'payments are moved': ({ customer }) => ['DETACH DELETE a', customer],
  'a device is left': ({ customer }) => ['RETURN EXISTS { MATCH (d)<-[:LOGGED_IN_FROM]-(other', customer],
  'the customer is deleted': ({ customer }) => ['DETACH DELETE c RETURN', customer],
  'everything is forgotten': ({ erasure }) => ['e.forgotten_at', erasure],
  'histories are deleted': ({ erasure }) => ['e.histories_deleted_at', erasure],
  "the customer's id is forgotten": ({ erasure }) => ['e.finished_at', erasure],
} satisfies Record<string, (ids: Ids) => string[]>;

type Write = keyof typeof WRITES;

const pointsOf = (write: Write) =>
  COMMIT_MOMENTS.map(({ name, stopAt }) => ({
    at: `erasure: ${name} ${write}`,
    write,
    stop: (ids: Ids): StopCondition => stopAt(...WRITES[write](ids)),
  }));
export type ErasurePoint = ReturnType<typeof pointsOf>[number];

export const EVERY_ERASURE: readonly ErasurePoint[] = (Object.keys(WRITES) as Write[]).flatMap(pointsOf);
/** The steps that leave most half done. */
export const FEW_ERASURES: readonly ErasurePoint[] = [
  ...pointsOf('it is announced'),
  ...pointsOf('the key is destroyed'),
];

export function stopErasures(
  system: FaultSystem,
  points: readonly ErasurePoint[],
): Promise<StoppedProcess[]> {
  return Promise.all(points.map((point) => stopErasure(system, point)));
}

async function stopErasure(system: FaultSystem, { at, write, stop }: ErasurePoint): Promise<StoppedProcess> {
  const { graph, inspector } = system;
  const { customer, failure } = await paidCustomer(system);
  const { payment_id } = failure;
  const { erasure_id } = await requestErasure(graph, { customer_id: customer.id });
  return stopProcessAt(system, {
    ...{ at, stop: stop({ erasure: erasure_id, customer: customer.id }) },
    async begin() {
      // An API that was killed before it had hidden the customer: the sweep starts the process.
      if (write === 'the customer is hidden') {
        await startErasure(system.client, erasure_id);
        return;
      }
      // Twice at once: it is the same erasure.
      const requests = [erase(system, customer.id), erase(system, customer.id)];
      expect(await Promise.all(requests), at).toEqual([erasure_id, erasure_id]);
    },
    async expectEnd() {
      await expectErased(system, { at, erasure_id, customer_id: customer.id });
      for (const { token } of customer.cards) expect(await inspector.isAttached(token), at).toBe(false);
      // The money is where it was.
      expect(await graph.read(MONEY, { payment_id }), at).toEqual([{ amount: failure.amount }]);
      expect(await inspector.ledger(payment_id), at).toMatchObject([{ status: 'succeeded' }]);
    },
  });
}

/** Has paid once, with the second card, on a device of their own. */
export async function paidCustomer(system: FaultSystem) {
  const { agents, inspector } = system;
  const customer = await customerWithScriptedCards(system, [{}, {}]);
  const failure = failureOf(customer);
  await agents.signalPaymentFailed(failure);
  await expect.poll(() => inspector.obligation(failure.payment_id), { timeout: 120_000 }).toBe('recovered');
  return { customer, failure };
}

/** @returns the erasure's id */
export async function erase({ persona }: FaultSystem, customer_id: string): Promise<string> {
  const { auth, http } = persona.addresses;
  const url = `${http}/api/v1/customers/${customer_id}`;
  const response = await fetchAs(auth, { role: 'privacy' }, url, { method: 'DELETE' });
  expect(response.status).toBe(202);
  return ((await response.json()) as { erasure_id: string }).erasure_id;
}

/** Fails until nothing is left of the customer, who was notified once. */
export async function expectErased(
  system: FaultSystem,
  { at, erasure_id, customer_id }: { at: string; erasure_id: string; customer_id: string },
): Promise<void> {
  const { graph, inspector } = system;
  const erasures = await graph.read(STATE, { erasure_id });
  expect(erasures, at).toEqual([{ state: 'done', customer_id: null }]);
  expect(await graph.read(LEFT, { customer_id }), at).toEqual([]);
  expect(await executionsOf(system, customer_id), at).toEqual([]);
  const notices = (await inspector.inbox(customer_id)).filter(({ template }) => template === 'data_erased');
  // A webhook receiver recognises a repeat by the notification's id.
  expect(new Set(notices.map(({ notification_id }) => notification_id)).size, at).toBe(1);
}

async function executionsOf({ client }: FaultSystem, customer_id: string): Promise<string[]> {
  const ids: string[] = [];
  const query = `${SearchAttribute.customerId} = '${customer_id}'`;
  for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId);
  return ids;
}

/** Whether Temporal has an execution with this id. */
export async function isStored({ client }: FaultSystem, workflowId: string): Promise<boolean> {
  try {
    await client.workflow.getHandle(workflowId).describe();
    return true;
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    return false;
  }
}

const STATE = 'MATCH (e:Erasure {id: $erasure_id}) RETURN e.state AS state, e.customer_id AS customer_id';
const LEFT = `
  MATCH (n) WHERE any(key IN keys(n) WHERE toStringOrNull(n[key]) CONTAINS $customer_id)
  RETURN labels(n)[0] AS label, properties(n) AS properties`;
const MONEY = `
  MATCH (c:Customer {status: 'erased'})-[:OWES]->(:Obligation {payment_id: $payment_id})
  MATCH (a:ChargeAttempt {payment_id: $payment_id, customer_id: c.id, source: 'recovery', state: 'approved'})
  RETURN a.amount AS amount`;
