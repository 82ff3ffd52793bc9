import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createGatewayActivities } from '../../activities/gateway.ts';
import { createRecoveryActivities } from '../../activities/recovery.ts';
import { deliver } from '../../activities/notice-fixtures.ts';
import type { ChargeAnswer, Notifier, PaymentGateway, PaymentNoticeTemplate } from '../../domain/ports.ts';
import {
  attemptKey,
  recoveryNotificationId,
  TaskQueue,
  type TaskQueueName,
} from '../../domain/workflow-contracts.ts';
import { WINDOW_OVER } from '../../domain/recovery/ending.ts';
import { type Graph, type OnboardedCustomer, onboard, withRollback } from '../../graph/index.ts';
import { readPolicy } from '../../platform/policy.ts';
import {
  verifyAndClose,
  onboardingRequest,
  openTestGraph,
  randomEmail,
  randomToken,
  testHeader,
} from '../../test/test-graph.ts';
import { recordingGraph } from '../../test/recording-graph.ts';
import { customerWithCards, failureOf } from '../../test/wallet-fixtures.ts';
import { warmUpOnboardings } from './onboarding.ts';
import { warmUpRecoveries } from './recovery.ts';
import { warmUp } from './warm-up.ts';

const policy = readPolicy();
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(async () => {
  await verifyAndClose(graph);
});

test('a rehearsal sees its own writes, which are never visible outside', async () => {
  const request = onboardingRequest({
    digital_identifiers: identifiers(),
  });
  const answers: OnboardedCustomer[] = [];
  await withRollback(graph, async (rolledBack) => {
    for (const transaction_id of ['a', 'b'])
      answers.push(
        await onboard(rolledBack, testHeader(), { request: { ...request, transaction_id }, policy }),
      );
  });
  expect(answers.map(({ created }) => created)).toEqual([true, false]);
  expect(new Set(answers.map(({ customer_id }) => customer_id)).size).toBe(1);
  const real = await onboard(graph, testHeader(), { request, policy });
  expect(real).toMatchObject({ created: true });
  expect(real.customer_id).not.toBe(answers[0]?.customer_id);
  const events = await graph.read('MATCH (e:PersonaEvent {stream_id: $id}) RETURN e.id AS id', {
    id: answers[0]?.customer_id,
  });
  expect(events).toEqual([]);
});

test('a failed rehearsal is rolled back too', async () => {
  const request = onboardingRequest();
  const header = testHeader();
  const failed = withRollback(graph, async (rolledBack) => {
    await onboard(rolledBack, header, { request, policy });
    throw new Error('in the middle');
  });
  await expect(failed).rejects.toThrow('in the middle');
  const receipts = await graph.read(
    'MATCH (r:CommandReceipt {caller: $caller, key: $key}) RETURN r.at AS at',
    {
      caller: header.caller,
      key: header.idempotencyKey,
    },
  );
  expect(receipts).toEqual([]);
});

test('a worker rehearses only the processes of its queues', async () => {
  const sent = async (...queues: TaskQueueName[]) => {
    const { graph: recorded, statements } = recordingGraph(graph);
    await warmUp(recorded, policy, queues);
    return [...statements.keys()].join();
  };
  expect(await sent(TaskQueue.maintenance)).toBe('');
  expect(await sent(TaskQueue.onboarding)).not.toContain('Obligation');
  expect(await sent(TaskQueue.recovery)).toContain('Obligation');
});

/** Runs all steps, without a time limit. */
const runAll = (on: Graph, steps: typeof warmUpOnboardings) =>
  withRollback(on, async (rolledBack) => {
    for await (const _ of steps(rolledBack, policy));
  });

const identifiers = () => [{ type: 'email' as const, value: randomEmail(), is_verified: true }];
const method = () => ({ payment_method_details: { type: 'card' as const, token: randomToken() } });
const device = () => ({ device_details: { fingerprint: randomToken(), user_agent: 'Firefox' } });
const address = {
  address_details: { street1: 'A', city: 'B', zip_code: '1', country: 'US', type: 'billing' as const },
};

test.each([
  ['everything', { ...method(), ...device(), ...address }],
  ['a method and a device', { ...method(), ...device() }],
  ['a method', method()],
  ['a device', device()],
  [
    'everything and another identifier',
    { digital_identifiers: [...identifiers(), ...identifiers()], ...method(), ...device(), ...address },
  ],
  ['nothing else', {}],
])('a warm-up sends every statement of an onboarding with an identifier and %s', async (_, parts) => {
  const warmUpRun = recordingGraph(graph);
  await runAll(warmUpRun.graph, warmUpOnboardings);
  const actualRun = recordingGraph(graph);
  const request = onboardingRequest({ digital_identifiers: identifiers(), ...parts });
  await onboard(actualRun.graph, testHeader(), { request, policy });
  expect([...actualRun.statements.keys()].filter((cypher) => !warmUpRun.statements.has(cypher))).toEqual([]);
});

const approved: ChargeAnswer = { result: 'approved', gateway_ref: 'pi_1', charge_ref: 'ch_1' };
const declined: ChargeAnswer = {
  result: 'declined',
  gateway_ref: 'pi_1',
  codes: { decline_code: 'do_not_honor' },
};

test.each([
  ['is paid by the next card', { cards: 2, failed: 0, code: 'insufficient_funds', answers: [approved] }],
  ['is not about the default card', { cards: 2, failed: 1, code: 'do_not_honor', answers: [approved] }],
  ['is about an expired card', { cards: 2, failed: 0, code: 'expired_card', answers: [approved] }],
  [
    'is paid by the card after the next',
    { cards: 3, failed: 0, code: 'insufficient_funds', answers: [declined, approved] },
  ],
  ['no card can pay', { cards: 1, failed: 0, code: 'insufficient_funds', answers: [] }],
])('a warm-up sends every statement of a recovery that %s', async (_, scenario) => {
  const warmUpRun = recordingGraph(graph);
  await runAll(warmUpRun.graph, warmUpRecoveries);
  const fingerprints = Array.from({ length: scenario.cards }, () => randomUUID());
  const wallet = await customerWithCards(graph, policy, {
    ...{ cards: scenario.cards, email: randomEmail(), fingerprints },
  });
  const actualRun = recordingGraph(graph);
  await recover(actualRun.graph, wallet, scenario);
  expect([...actualRun.statements.keys()].filter((cypher) => !warmUpRun.statements.has(cypher))).toEqual([]);
});

/** Calls the same activities as the workflow, in the same order. */
async function recover(
  on: Graph,
  wallet: Awaited<ReturnType<typeof customerWithCards>>,
  scenario: { failed: number; code: string; answers: ChargeAnswer[] },
): Promise<void> {
  const { customer_id } = wallet;
  const answers = [...scenario.answers];
  const gateway = {
    paymentsOf: async () => [],
    charge: async () => answers.shift(),
  } as unknown as PaymentGateway;
  const dependencies = { graph: on, gateway, policy, signalRecoveries: async () => {}, now: Date.now };
  const recovery = createRecoveryActivities(dependencies);
  const { charge } = createGatewayActivities(dependencies);
  const run = <P extends unknown[], R>(activity: (...args: P) => Promise<R>, ...args: P) =>
    new MockActivityEnvironment().run(activity, ...args) as Promise<R>;
  const policyInput = { policy: policy.recovery };
  const payment_method_id = wallet.methods[scenario.failed] ?? '';
  const failure = failureOf(wallet, { payment_method_id, decline_code: scenario.code });
  const { payment_id } = failure;
  const opening = await run(recovery.openRecovery, { failure, claim_first: true });
  if (!('recovery' in opening)) throw new Error('the recovery was not opened');
  const { alternatives, opened_at } = opening.recovery;
  for (const [index] of scenario.answers.entries()) {
    const method = { payment_id, payment_method_id: alternatives[index] ?? '', n: 1 };
    const key = attemptKey(payment_id, method.payment_method_id, 1);
    if (index > 0) await run(recovery.claimAttempt, { ...method, ...policyInput, key });
    const answer = await run(charge, { payment_id, key });
    const recorded = await run(recovery.recordAttempt, { payment_id, key, answer, ...policyInput });
    expect(recorded.attempt.state).toBe(answer.result);
  }
  const notify = (template: PaymentNoticeTemplate) => {
    const notification_id = recoveryNotificationId(payment_id, opened_at, template);
    const notifier = { deduplicates: true, deliver: async () => {} } as unknown as Notifier;
    return deliver(on, { notification_id, payment_id, customer_id, template }, notifier);
  };
  if (scenario.answers.length > 0) {
    await notify('recovered');
    return;
  }
  await notify('no_alternative');
  await run(recovery.refreshRecovery, { payment_id, ...policyInput });
  const closing = { payment_id, ending: WINDOW_OVER, keep_payment: true, notice: 'recovery_ended' as const };
  await run(recovery.closeRecovery, closing);
}
