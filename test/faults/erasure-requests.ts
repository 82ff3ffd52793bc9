/** The API is killed while it answers `DELETE /customers/{customer_id}`: whatever it has done, a repeat leads to one erasure. */

import { expect, test } from 'vitest';
import { openJournalFile } from '../../adapters/erasure-journal/file.ts';
import { WorkflowName } from '../../domain/workflow-contracts.ts';
import { fetchAs } from '../../platform/run-access.ts';
import { customerWithScriptedCards } from './customer-fixtures.ts';
import { expectErased } from './processes/erasures.ts';
import { COMMIT_MOMENTS } from './processes/stopped-process.ts';
import type { Stop } from './proxy.ts';
import { waitUntilReached } from './recovery-points.ts';
import type { FaultSystem } from './system.ts';

const LIMIT = { timeout: 240_000, interval: 1_000 };

interface Point {
  at: string;
  stop(system: FaultSystem, customer_id: string): Stop;
  /** How many erasures the graph has of the customer then. */
  written: number;
}

const inGraph = (step: string, text: string, written: readonly number[]): Point[] =>
  COMMIT_MOMENTS.map(({ name, stopAt }, n) => ({
    at: `${name} the erasure is ${step}`,
    stop: ({ neo4j }, customer_id) => neo4j.proxy.stopAt(stopAt(text, customer_id)),
    written: written[n] ?? expect.fail(),
  }));

const POINTS: readonly Point[] = [
  ...inGraph('requested', 'CREATE (:Erasure', [0, 1]),
  ...inGraph('hidden', 'erasure requested', [1, 1]),
  {
    at: 'after its process has started',
    // A start, as the type's name says: the worker may be ending erasures of other tests.
    stop: ({ temporal }) =>
      temporal.proxy.stopAt({ requests: [['erasure:', WorkflowName.eraseCustomer]], hold: 'answer' }),
    written: 1,
  },
];

/** Defines the test. @param getSystem the system, once it is running */
export function testErasureRequests(getSystem: () => FaultSystem): void {
  test('the API is killed at every step of a request to erase: a repeat leads to one erasure', async () => {
    const system = getSystem();
    const api = system.program('api');
    // One after the other: the last one stops all answers from Temporal to the API.
    const stopped = [];
    for (const { at, stop: stopAt, written } of POINTS) {
      const { id: customer_id } = await customerWithScriptedCards(system, [{}]);
      const stop = stopAt(system, customer_id);
      const lost = requestErasure(system, customer_id).then(
        () => 'answered',
        () => 'lost',
      );
      await waitUntilReached(stop, at);
      stopped.push({ at, customer_id, stop, lost, written });
    }
    await api.kill();
    for (const { stop } of stopped) stop.release();
    expect(await Promise.all(stopped.map(({ lost }) => lost))).toEqual(POINTS.map(() => 'lost'));
    // What was committed without an answer is there; what never arrived is not.
    const states = stopped.map(async ({ customer_id }) => (await erasuresOf(system, customer_id)).length);
    expect(await Promise.all(states)).toEqual(stopped.map(({ written }) => written));
    await api.restart();

    for (const { at, customer_id } of stopped) {
      const { status, erasure_id } = await requestErasure(system, customer_id);
      // Its process may have ended meanwhile.
      expect([202, 404], at).toContain(status);
      const [first = expect.fail()] = await erasuresOf(system, customer_id);
      expect(erasure_id ?? first.id, at).toBe(first.id);
      const end = () =>
        expectErased(system, { at, erasure_id: first.id, customer_id }).then(
          () => undefined,
          (error: unknown) => error,
        );
      await expect.poll(end, LIMIT).toBeUndefined();
      expect(await erasuresOf(system, customer_id), at).toEqual([{ id: first.id, state: 'done' }]);
      expect(await journaled(system, customer_id), at).toEqual([first.id]);
    }
  });
}

async function requestErasure({ persona }: FaultSystem, customer_id: string) {
  const { auth, http } = persona.addresses;
  const url = `${http}/api/v1/customers/${customer_id}`;
  const response = await fetchAs(auth, { role: 'privacy' }, url, { method: 'DELETE' });
  const { erasure_id } = (await response.json()) as { erasure_id?: string };
  return { status: response.status, erasure_id };
}

/** Also those that are done, which only the hash of the customer's id leads to. */
async function erasuresOf({ graph }: FaultSystem, customer_id: string) {
  return graph.read<{ id: string; state: string }>(
    'MATCH (e:Erasure) WHERE e.hash IN $hashes RETURN e.id AS id, e.state AS state',
    { hashes: graph.erasedIds?.hashes('erased', customer_id) ?? expect.fail() },
  );
}

/** The erasures of a customer in the journal, each once. */
async function journaled({ graph, persona }: FaultSystem, customer_id: string): Promise<string[]> {
  const hashes = graph.erasedIds?.hashes('erased', customer_id) ?? expect.fail();
  const ids = new Set<string>();
  for await (const { entries } of openJournalFile(persona.addresses.erasure_journal ?? '').read(undefined))
    for (const { erasure_id, hash } of entries) if (hashes.includes(hash)) ids.add(erasure_id);
  return [...ids];
}
