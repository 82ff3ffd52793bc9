import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import {
  fraudReportWorkflowId,
  GATEWAY_CHANGED,
  type GatewayChange,
  TaskQueue,
} from '../domain/workflow-contracts.ts';
import { createTestRig, eventually } from '../test/rig/index.ts';
import type { FollowActivities } from './follow-gateway.ts';

const customer_id = 'c-1';
const method = (): GatewayChange => ({
  event_id: `evt_${randomUUID()}`,
  changed: 'payment_method',
  payment_method_id: 'm-1',
});
const notAsked = () => Promise.reject(new Error('unexpected call'));
const unexpected: FollowActivities = {
  followPaymentMethod: notAsked,
  followMandate: notAsked,
  followRefunds: notAsked,
  followDispute: notAsked,
};

async function rigWith(activities: Partial<FollowActivities>, others: Record<string, object> = {}) {
  const maintenance = { ...unexpected, ...activities };
  const rig = await createTestRig({ activities: { [TaskQueue.maintenance]: maintenance, ...others } });
  const workflowId = `gateway-method:${randomUUID()}`;
  return {
    ...rig,
    signalChange: (change: unknown) =>
      rig.client.workflow.signalWithStart('followGateway', {
        workflowId,
        taskQueue: TaskQueue.maintenance,
        args: [{ customer_id }],
        signal: GATEWAY_CHANGED,
        signalArgs: [change],
      }),
    result: () => rig.client.workflow.getHandle(workflowId).result(),
    describe: () => rig.client.workflow.getHandle(workflowId).describe(),
  };
}

test('each kind of gateway update is read by its own activity, and a failed refund is reported as such', async () => {
  const asked: unknown[] = [];
  const activities: FollowActivities = {
    async followPaymentMethod(change) {
      asked.push(change);
      return 'updated';
    },
    async followMandate(change) {
      asked.push(change);
      return 'consent_withdrawn';
    },
    async followRefunds(change) {
      asked.push(change);
      return 'refund_failed';
    },
    async followDispute(change) {
      asked.push(change);
      return { outcome: 'disputed', reports: [] };
    },
  };
  const { signalChange, result } = await rigWith(activities);
  const changes: GatewayChange[] = [
    { event_id: 'evt_1', changed: 'payment_method', payment_method_id: 'm-1' },
    { event_id: 'evt_2', changed: 'mandate', payment_method_id: 'm-1', mandate_ref: 'mandate_1' },
    { event_id: 'evt_3', changed: 'refunds', payment_id: 'inv-1', gateway_ref: 'pi_1' },
    { event_id: 'evt_4', changed: 'dispute', dispute_ref: 'du_1', charge_ref: 'ch_1' },
    { event_id: 'evt_5', changed: 'fraud_warning', dispute_ref: 'issfr_1', charge_ref: 'ch_1' },
  ];
  const outcomes: string[] = [];
  for (const change of changes) {
    await signalChange(change);
    outcomes.push(...((await result()) as { outcomes: string[] }).outcomes);
  }
  expect(outcomes).toEqual(['updated', 'consent_withdrawn', 'refund_failed', 'disputed', 'disputed']);
  // The activity itself determines whose charge is contested.
  const owned = changes.map((change) => ('dispute_ref' in change ? change : { ...change, customer_id }));
  expect(asked).toEqual(owned);
});

test('reads of one method never overlap: an update received meanwhile is read afterwards', async () => {
  let underWay = 0;
  let most = 0;
  let readings = 0;
  const release: (() => void)[] = [];
  const { signalChange, result } = await rigWith({
    async followPaymentMethod() {
      underWay += 1;
      most = Math.max(most, underWay);
      readings += 1;
      if (readings === 1) await new Promise<void>((resolve) => release.push(resolve));
      underWay -= 1;
      return 'updated';
    },
  });
  await signalChange(method());
  await eventually(() => expect(release).toHaveLength(1));
  await signalChange(method());
  await signalChange(method());
  release[0]?.();
  expect(await result()).toEqual({ outcomes: ['updated', 'updated', 'updated'] });
  expect(most).toBe(1);
});

test('an update is not lost while the gateway is down for days', async () => {
  let tries = 0;
  const { signalChange, result, now } = await rigWith({
    async followPaymentMethod() {
      tries += 1;
      if (tries < 400) throw new PersonaError('gateway_unavailable', 'unavailable');
      return 'removed';
    },
  });
  const before = await now();
  await signalChange(method());
  expect(await result()).toEqual({ outcomes: ['removed'] });
  expect((await now()) - before).toBeGreaterThan(2 * 86_400_000);
});

test('thousands of events during a gateway outage continue as new, and no update is lost', async () => {
  let away = true;
  const read: string[] = [];
  const { signalChange, result, client } = await rigWith({
    async followPaymentMethod({ event_id }) {
      if (away) throw new PersonaError('gateway_unavailable', 'unavailable');
      read.push(event_id);
      return 'unchanged';
    },
    async followMandate({ mandate_ref }) {
      if (away) throw new PersonaError('gateway_unavailable', 'unavailable');
      read.push(mandate_ref);
      return 'unchanged';
    },
  });
  const handle = await signalChange({ ...method(), event_id: 'evt_first' });
  const first = handle.signaledRunId;
  await signalChange({ ...method(), changed: 'mandate', mandate_ref: 'mandate_1' });
  for (let sent = 0; sent < 2_500; sent += 50) {
    await Promise.all(Array.from({ length: 50 }, () => signalChange(method())));
  }
  await eventually(async () => {
    const { runId } = await client.workflow.getHandle(handle.workflowId).describe();
    expect(runId).not.toBe(first);
  });
  await signalChange({ ...method(), changed: 'mandate', mandate_ref: 'mandate_last' });
  away = false;
  await result();
  // The read in progress and the first update per object were carried over; later updates are read as received.
  expect(read.slice(0, 2)).toEqual(['evt_first', 'mandate_1']);
  expect(read).toContain('mandate_last');
  expect(read.length).toBeLessThan(2_000);
}, 60_000);

test('neither an invalid update nor one that cannot be read fails the run', async () => {
  const { signalChange, result } = await rigWith({
    async followPaymentMethod() {
      throw new PersonaError('payment_method_not_found', 'not there');
    },
  });
  await signalChange(null);
  expect(await result()).toEqual({ outcomes: [] });
  await signalChange({ ...method(), changed: 'constructor' });
  expect(await result()).toEqual({ outcomes: [] });
  await signalChange(method());
  expect(await result()).toEqual({ outcomes: ['given_up'] });
});

test('what the gateway announces about an erased customer ends as customer_gone, by which the sweep finds it', async () => {
  const { signalChange, result, describe } = await rigWith({
    async followPaymentMethod() {
      throw new PersonaError('customer_not_found', 'erased');
    },
  });
  await signalChange(method());
  expect(await result()).toEqual({ outcomes: ['customer_gone'] });
  expect((await describe()).searchAttributes.PersonaOutcome).toEqual(['customer_gone']);
});

test('known fraud is reported to Chimera by a separate workflow, once per suspicion', async () => {
  const reports = [1, 2].map((n) => ({
    event_id: `du_${randomUUID()}:m-${n}`,
    customer_id,
    payment_method_id: `m-${n}`,
    code: 'fraudulent',
    occurred_at: '2026-11-22T10:00:00.000Z',
  }));
  const received: unknown[] = [];
  const chimera = {
    async reportSuspectedFraud(report: unknown) {
      received.push(report);
    },
  };
  const { client, signalChange, result } = await rigWith(
    { followDispute: async () => ({ outcome: 'compromised', reports }) },
    { [TaskQueue.recovery]: chimera },
  );
  const change = { changed: 'dispute', dispute_ref: 'du_1', charge_ref: 'ch_1' };
  await signalChange({ ...change, event_id: 'evt_1' });
  expect(await result()).toEqual({ outcomes: ['compromised'] });
  for (const { event_id } of reports)
    await client.workflow.getHandle(fraudReportWorkflowId(event_id)).result();
  expect(received).toHaveLength(2);
  expect(received).toEqual(expect.arrayContaining(reports));
});
