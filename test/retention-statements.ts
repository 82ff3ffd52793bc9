/** Everything that retention removes, and the end of a run; `graph/plans.real.test.ts` has what finds it. */

import { randomUUID } from 'node:crypto';
import { beginRetention } from '../domain/retention.ts';
import { forgetCustomer, hideCustomer, requestErasure } from '../graph/erasure/index.ts';
import { createCustomer, onboard } from '../graph/index.ts';
import type { Graph } from '../graph/kernel/graph.ts';
import { closeRecovery, openRecovery } from '../graph/recovery/index.ts';
import { createCustomerHistory } from '../graph/replay/history-fixtures.ts';
import { lastRetention, runRetention } from '../graph/retention/index.ts';
import { forgetRecovery } from '../graph/retention/recoveries.ts';
import { forgetRemains } from '../graph/retention/remains.ts';
import { forgetSighting } from '../graph/retention/sightings.ts';
import { readPolicy } from '../platform/policy.ts';
import { onboardingRequest, testHeader } from './test-graph.ts';
import { customerWithCards, failureOf } from './wallet-fixtures.ts';

const policy = readPolicy();
const PSEUDONYM = 'MATCH (e:Erasure {id: $erasure_id}) RETURN e.pseudonym AS id';

export async function runRetentionStatements(graph: Graph): Promise<void> {
  const before = Date.now() + 3_600_000;
  const life = await createCustomerHistory(graph, policy);
  await forgetSighting(graph, { device_id: life.device_id, before });
  await forgetRecovery(graph, { payment_id: life.closed, customer_id: life.customer_id, before });
  const { customer_id: apart } = await createCustomer(graph, testHeader(), {});
  for (const customer_id of [apart, await suggestedDebtor(graph)]) {
    const { erasure_id } = await requestErasure(graph, { customer_id });
    await hideCustomer(graph, { erasure_id, customer_id, by: { actor: 'test', correlationId: 'test' } });
    await forgetCustomer(graph, { erasure_id, customer_id }, () => {});
    const [pseudonym] = await graph.read<{ id: string }>(PSEUDONYM, { erasure_id });
    await forgetRemains(graph, { id: pseudonym?.id ?? '', before });
  }
  const over = { ...beginRetention(0), step: null };
  await runRetention(graph, over, { policy, dryRun: false, onProgress: () => true });
  await lastRetention(graph);
}

/** A customer who owed something, and to whom another one was suggested. */
async function suggestedDebtor(graph: Graph): Promise<string> {
  const wallet = await customerWithCards(graph, policy, { cards: 1 });
  const { customer_id } = wallet;
  const failure = failureOf(wallet);
  const { payment_id } = failure;
  await openRecovery(graph, testHeader(), { failure, policy, now: Date.now(), claim_first: false });
  await closeRecovery(graph, testHeader(), { payment_id, outcome: 'cancelled', rule: 'cancelled' });
  const device_details = { fingerprint: randomUUID() };
  for (const change of [{ customer_id }, {}]) {
    const request = onboardingRequest({ ...change, device_details });
    await onboard(graph, testHeader(), { request, policy });
  }
  return customer_id;
}
