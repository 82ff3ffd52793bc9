import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { expect, test } from 'vitest';
import type { PaymentSettled } from '../domain/recovery/messages.ts';
import { workflowCaller, WorkflowName } from '../domain/workflow-contracts.ts';
import { hideCustomer, requestErasure, takeBackErasure } from '../graph/erasure/index.ts';
import { commandsOn } from '../graph/recovery/recovery-fixtures.ts';
import { openFromSettlement } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { testGraph, testHeader } from '../test/test-graph.ts';
import { customerWithCards, failureOf } from '../test/wallet-fixtures.ts';
import { reportPaymentSettled } from './report-payment-settled.ts';

const graph = await testGraph();
const policy = readPolicy();
const { open } = commandsOn(graph, policy);
const by = { actor: 'test', correlationId: 'test' };

test('a settlement of what a hidden customer owes is accepted: an erasure that is taken back must not collect it again', async () => {
  const sent: PaymentSettled[] = [];
  const signalWithStart = async (_: string, options: { signalArgs: [PaymentSettled] }) =>
    void sent.push(...options.signalArgs);
  const temporal = { workflow: { signalWithStart } } as unknown as Client;
  const wallet = await customerWithCards(graph, policy, { cards: 1 });
  const { customer_id } = wallet;
  const { payment_id } = failureOf(wallet);
  await open({ ...failureOf(wallet), payment_id });
  const { erasure_id } = await requestErasure(graph, { customer_id });
  await hideCustomer(graph, { erasure_id, customer_id, by });

  const report = (changed: object = {}) =>
    reportPaymentSettled({ graph, temporal, policy }, by, {
      ...{ event_id: randomUUID(), payment_id, customer_id, settled_at: new Date().toISOString() },
      ...changed,
    });
  await report();
  // A caller learns nothing else about the hidden customer.
  await expect(report({ payment_id: randomUUID() })).rejects.toMatchObject({ type: 'customer_not_found' });
  const other = await customerWithCards(graph, policy, { cards: 1 });
  await expect(report({ customer_id: other.customer_id })).rejects.toMatchObject({
    type: 'obligation_mismatch',
  });

  expect(sent).toMatchObject([{ payment_id, customer_id }]);
  const caller = workflowCaller(WorkflowName.recoverPayment);
  for (const settlement of sent)
    expect(
      await openFromSettlement(graph, testHeader({ caller }), { settlement, policy, now: Date.now() }),
    ).toMatchObject({ result: 'unchanged' });
  await takeBackErasure(graph, { erasure_id, by });
});
