import { PersonaError } from '../domain/errors.ts';
import { ERASURE_STEPS, isOverdue } from '../domain/erasure/steps.ts';
import {
  getErasure as readErasure,
  hideCustomer,
  readErasureSubject,
  requestErasure,
} from '../graph/erasure/index.ts';
import { signalRecoveries, startErasure } from '../temporal/workflow-client.ts';
import type { Caller } from './caller.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { ErasureView } from './views.ts';

/**
 * Erases a customer: on return the request is in the journal and the customer is hidden; the rest goes on by itself.
 *
 * @returns the same erasure while one runs
 * @throws PersonaError customer_not_found; erasure_not_configured: nothing was done; journal_unavailable, graph_unavailable,
 *   temporal_unavailable: a repeat, or the sweep, completes it
 */
export async function eraseCustomer(
  { graph, temporal, journal }: ServiceDependencies,
  caller: Pick<Caller, 'actor' | 'correlationId'>,
  { customer_id }: { customer_id: string },
): Promise<{ erasure_id: string }> {
  if (journal === undefined || graph.erasedIds === undefined)
    throw new PersonaError(
      'erasure_not_configured',
      'nothing can be erased: PERSONA_ERASURE_KEY and PERSONA_ERASURE_JOURNAL must be set',
    );
  const { erasure_id } = await requestErasure(graph, { customer_id });
  const { hash, requested_at, done_at } = await readErasureSubject(graph, erasure_id);
  // First: a graph restored to before the next statement must know of it.
  if (done_at.recorded === undefined) await journal.append({ erasure_id, hash, at: requested_at });
  if (done_at.hidden === undefined) {
    const by = { actor: caller.actor, correlationId: caller.correlationId };
    const open = await hideCustomer(graph, { erasure_id, customer_id, by });
    await signalRecoveries(temporal, open, 'customerStatusChanged', { status: 'erasing' });
  }
  await startErasure(temporal, erasure_id);
  return { erasure_id };
}

/** Named in every receipt (docs/decisions/35-erasure.md). */
const KEPT: ErasureView['kept'] = [
  {
    where: 'Persona',
    what: 'payments under a pseudonym: payment id, reference at the gateway, amount, currency, times, state, decline class',
    until: 'the retention period for financial records has passed',
  },
  {
    where: "Neo4j's files",
    what: 'deleted properties that were not sealed, in pages that are free and not overwritten yet',
    until: 'the pages are used again',
  },
  {
    where: 'Temporal',
    what: 'the id in encrypted histories of processes over many customers, such as the reconciliation',
    until: 'their retention has passed, within 30 days',
  },
  {
    where: 'Kafka topics other than persona.log.v1',
    what: 'records about the customer',
    until: 'their retention has passed, within 30 days',
  },
  {
    where: 'persona.log.v1',
    what: 'events whose data is sealed with the destroyed key',
    until: 'the topic is deleted',
  },
];

/** Which step of an erasure was done when; nothing personal. @throws PersonaError erasure_not_found, graph_unavailable */
export async function getErasure(
  { graph, policy }: Pick<ServiceDependencies, 'graph' | 'policy'>,
  { erasure_id }: { erasure_id: string },
): Promise<ErasureView> {
  const { state, requested_at, done_at, waiting_for, finished_at } = await readErasure(graph, erasure_id);
  return {
    ...{ erasure_id, state, requested_at },
    steps: ERASURE_STEPS.flatMap((step) => {
      const at = done_at[step];
      return at === undefined ? [] : [{ step, done_at: at }];
    }),
    waiting_for: state === 'running' ? waiting_for : [],
    overdue: state === 'running' && isOverdue(Date.parse(requested_at), policy.privacy.deadline, graph.now()),
    finished_at: finished_at ?? null,
    kept: [...KEPT],
  };
}
