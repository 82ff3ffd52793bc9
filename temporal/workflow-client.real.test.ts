import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { type CustomerReady, onboardingWorkflowId, TaskQueue } from '../domain/workflow-contracts.ts';
import { createTestRig, eventually } from '../test/rig/index.ts';
import type { OnboardingActivities } from '../workflows/onboard-customer.ts';
import { onboardCustomer, signalRecoveries, startNotice } from './workflow-client.ts';

const CONCURRENT = 20;

/** Onboards as the graph does: the first request of a transaction is stored permanently, with its hash. */
function graphWithReceipts() {
  const receipts = new Map<string, CustomerReady>();
  const calls: string[] = [];
  const activities: Partial<OnboardingActivities> = {
    async onboard({ request, correlation_id }) {
      const { transaction_id } = request;
      calls.push(correlation_id);
      const match = { rule: 'none' as const, proven: true, suggested_customer_ids: [] };
      const first = receipts.get(transaction_id) ?? {
        ...{ customer_id: randomUUID(), created: true, version: 1, match, warnings: [] },
        request_hash: `hash of ${correlation_id}`,
      };
      receipts.set(transaction_id, first);
      return { ready: first, verify_wait_ms: 0 };
    },
  };
  return { activities, calls };
}

const input = (transaction_id: string, correlation_id: string) => ({
  request: { transaction_id, occurred_at: '2026-03-01T00:00:00Z' },
  ...{ caller: 'checkout', actor: 'checkout', correlation_id },
});
const inTime = () => ({ deadline: new Date(Date.now() + 20_000) });

test('concurrent requests for one transaction share one execution and one result', async () => {
  const { activities, calls } = graphWithReceipts();
  const rig = await createTestRig({ server: 'dev', activities: { [TaskQueue.onboarding]: activities } });
  const transaction = randomUUID();

  const answers = await Promise.all(
    Array.from({ length: CONCURRENT }, (_, n) =>
      onboardCustomer(rig.client, input(transaction, `c-${n}`), inTime()),
    ),
  );

  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(calls).toHaveLength(1);
});

test('a repeat after completion gets the first result, whose hash shows that the body differed', async () => {
  const { activities } = graphWithReceipts();
  const rig = await createTestRig({ server: 'dev', activities: { [TaskQueue.onboarding]: activities } });
  const transaction = randomUUID();

  const first = await onboardCustomer(rig.client, input(transaction, 'first'), inTime());
  await rig.client.workflow.getHandle(onboardingWorkflowId(transaction)).result();
  const second = await onboardCustomer(rig.client, input(transaction, 'second'), inTime());

  expect(second).toEqual(first);
  expect(second.request_hash).toBe('hash of first');
});

test('a caller whose deadline passes gets deadline_exceeded, and the process continues', async () => {
  const { activities } = graphWithReceipts();
  const { onboard } = activities as OnboardingActivities;
  let release: () => void = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow: Partial<OnboardingActivities> = {
    async onboard(onboardingInput) {
      await released;
      return await onboard(onboardingInput);
    },
  };
  const rig = await createTestRig({ server: 'dev', activities: { [TaskQueue.onboarding]: slow } });
  const transaction = randomUUID();

  const deadline = new Date(Date.now() + 1_000);
  await expect(onboardCustomer(rig.client, input(transaction, 'c'), { deadline })).rejects.toMatchObject({
    type: 'deadline_exceeded',
  });
  release();
  const result = await rig.client.workflow.getHandle(onboardingWorkflowId(transaction)).result();
  expect(await onboardCustomer(rig.client, input(transaction, 'c'), inTime())).toEqual(result);
});

test('a process can be found by its customer', async () => {
  const { activities } = graphWithReceipts();
  const rig = await createTestRig({ server: 'dev', activities: { [TaskQueue.onboarding]: activities } });
  const transaction = randomUUID();
  const { customer_id } = await onboardCustomer(rig.client, input(transaction, 'c'), inTime());

  const query = `PersonaCustomerId = '${customer_id}' AND PersonaProcess = 'onboardCustomer' AND PersonaOutcome = 'created'`;
  await eventually(async () => {
    const found: string[] = [];
    for await (const { workflowId } of rig.client.workflow.list({ query })) found.push(workflowId);
    expect(found).toEqual([onboardingWorkflowId(transaction)]);
  });
});

test('a process is found by its customer before it has shown anything', async () => {
  const rig = await createTestRig({ server: 'dev', activities: {} });
  const customer_id = randomUUID();
  const notification_id = `notice:case:${randomUUID()}`;
  const notice = { notification_id, customer_id, case_id: 'case', template: 'account_suspended' } as const;
  expect(await startNotice(rig.client, notice)).toBe(true);
  const { searchAttributes } = await rig.client.workflow.getHandle(notification_id).describe();
  expect(searchAttributes.PersonaCustomerId).toEqual([customer_id]);
  await rig.client.workflow.getHandle(notification_id).terminate();
});

test('signalling a recovery that is not running is no error', async () => {
  const rig = await createTestRig({ server: 'dev', activities: {} });
  await signalRecoveries(rig.client, [randomUUID(), randomUUID()], 'claimFreed', {});
});

test('a request cannot be read in its history without the key', async () => {
  const { activities } = graphWithReceipts();
  const rig = await createTestRig({ server: 'dev', activities: { [TaskQueue.onboarding]: activities } });
  const transaction = randomUUID();
  const secret = 'marked-token-4f1c';
  const onboardingInput = input(transaction, 'c');
  await onboardCustomer(
    rig.client,
    {
      ...onboardingInput,
      request: { ...onboardingInput.request, payment_method_details: { type: 'card', token: secret } },
    },
    inTime(),
  );

  const { events } = await rig.client.workflow.getHandle(onboardingWorkflowId(transaction)).fetchHistory();
  const inBase64 = /"([A-Za-z0-9+/]+={0,2})"/g;
  const bytes = JSON.stringify(events).replaceAll(inBase64, (_, text) =>
    Buffer.from(text, 'base64').toString('latin1'),
  );
  expect(bytes).toContain('binary/encrypted');
  expect(bytes).not.toContain(secret);
});
