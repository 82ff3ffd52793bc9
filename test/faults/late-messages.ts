/** With real servers: what arrives about a person after their erasure, and a graph that does not know of one. */

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { openJournalFile } from '../../adapters/erasure-journal/file.ts';
import {
  fraudCaseWorkflowId,
  onboardingWorkflowId,
  recoveryWorkflowId,
} from '../../domain/workflow-contracts.ts';
import { fetchAs } from '../../platform/run-access.ts';
import { signalWithStartFraudCase } from '../../temporal/workflow-client.ts';
import { fraudReport } from '../fraud-fixtures.ts';
import { onboardingRequest } from '../test-graph.ts';
import { customerWithScriptedCards } from './customer-fixtures.ts';
import { erase, expectErased, isStored, paidCustomer } from './processes/erasures.ts';
import type { FaultSystem } from './system.ts';

const LIMIT = { timeout: 120_000, interval: 500 };

/** Defines the tests. @param getSystem the system, once it is running */
export function testLateMessages(getSystem: () => FaultSystem): void {
  test('what arrives about an erased customer is counted, and neither the graph nor Temporal keeps it', async () => {
    const system = getSystem();
    const { agents, client, inspector, persona } = system;
    const { customer, failure } = await paidCustomer(system);
    const { id: customer_id } = customer;
    const [charge] = await inspector.ledger(failure.payment_id);
    const erased = { at: 'late messages', customer_id, erasure_id: await erase(system, customer_id) };
    await expect.poll(() => settled(expectErased(system, erased)), LIMIT).toBeUndefined();
    const before = await counted(system);

    // Two from agents' own Temporal clients, one over REST, and one from the gateway.
    const late = { ...failure, event_id: randomUUID(), payment_id: `late-${randomUUID()}` };
    await agents.signalPaymentFailed(late);
    const report = fraudReport({ customer_id, outcome: 'suspected' });
    await signalWithStartFraudCase(client, report.case_id, 'fraudOutcome', report);
    const request = onboardingRequest({ customer_id });
    await expect(agents.onboard(request)).rejects.toThrow('404');
    const url = `${persona.addresses.gateway}/_sim/charges/${charge?.charge}/dispute`;
    expect((await fetch(url, { method: 'POST', body: '{}' })).ok).toBe(true);

    await expect
      .poll(() => counted(system), LIMIT)
      .toEqual({ signal: before.signal + 3, api: before.api + 1 });
    const executions = [
      ...[recoveryWorkflowId(late.payment_id), fraudCaseWorkflowId(report.case_id)],
      ...[onboardingWorkflowId(request.transaction_id), `gateway-dispute:${charge?.charge}`],
    ];
    const left = async () => {
      await system.sweep();
      const found = await Promise.all(executions.map((id) => isStored(system, id)));
      return executions.filter((_, index) => found[index]);
    };
    await expect.poll(left, LIMIT).toEqual([]);
    await expectErased(system, erased);
  });

  test('a graph that was restored to before an erasure is served only once the customer is hidden again', async () => {
    const system = getSystem();
    const { graph, persona } = system;
    const { id: customer_id } = await customerWithScriptedCards(system, [{}]);
    const erasure_id = randomUUID();
    const hash = graph.erasedIds?.hash('erased', customer_id) ?? expect.fail();
    const journal = openJournalFile(persona.addresses.erasure_journal ?? '');
    await journal.append({ erasure_id, hash, at: new Date().toISOString() });
    await system.program('api').kill();
    await system.program('api').restart();
    const { auth, http } = persona.addresses;
    const profile = await fetchAs(auth, { role: 'ops' }, `${http}/api/v1/customers/${customer_id}/profile`);
    expect(profile.status).toBe(404);
    const isErased = async () => {
      await system.sweep();
      return settled(expectErased(system, { at: 'restored', erasure_id, customer_id }));
    };
    await expect.poll(isErased, LIMIT).toBeUndefined();
  });
}

/** Why it fails; `undefined`: it does not. */
const settled = (expectation: Promise<void>): Promise<unknown> =>
  expectation.then(
    () => undefined,
    (error: unknown) => error,
  );

/** Messages about erased customers, as the API and the worker have counted them. */
async function counted({ persona }: FaultSystem): Promise<Record<'signal' | 'api', number>> {
  const { metrics } = persona.addresses;
  const read = async (program: 'api' | 'worker', entrance: string) => {
    const text = await (await fetch(metrics?.[program] ?? '')).text();
    const [, count = '0'] =
      text.match(new RegExp(`^persona_erased_messages_total\\{entrance="${entrance}"\\} (\\d+)`, 'm')) ?? [];
    return Number(count);
  };
  const [signal, api] = await Promise.all([read('worker', 'signal'), read('api', 'api')]);
  return { signal, api };
}
