import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import { type ReconcileInput, TaskQueue } from '../domain/workflow-contracts.ts';
import { createTestRig, type TestRig } from '../test/rig/index.ts';
import type {
  ReconcileActivities,
  ReconcilePlan,
  ReconcileResult,
  Slice,
} from './reconcile-payment-methods.ts';

const span = { since: 0, until: 1 };
const plan: ReconcilePlan = {
  ...{ charges: span, changes: span, quota: null, keep: true },
  pass: { began_at: 0, after: 'm', done: 7 },
};
const NOTHING = { compared: 0, corrected: 0, listed: 0, repaired: 0, differences: [] };

function activities(change: Partial<ReconcileActivities> = {}) {
  const slices: [string, string, number, boolean][] = [];
  const nothing = async ({ stage, after, done, dry_run }: Slice) => {
    slices.push([stage, after, done, dry_run]);
    return NOTHING;
  };
  const all: ReconcileActivities = {
    planReconciliation: async () => plan,
    ...{ compareRecords: nothing, compareWallets: nothing, checkDevices: nothing },
    ...change,
  };
  return { slices, activities: { [TaskQueue.reconciliation]: all, [TaskQueue.maintenance]: {} } };
}

const reconcile = (rig: TestRig, input: ReconcileInput = {}) =>
  rig.client.workflow.execute('reconcilePaymentMethods', {
    workflowId: `reconciliation-${randomUUID()}`,
    taskQueue: TaskQueue.maintenance,
    args: [input],
  }) as Promise<ReconcileResult>;

test('payments are compared first, then wallets from where the last run ended, then devices', async () => {
  const { slices, ...faked } = activities();
  const rig = await createTestRig(faked);
  const totals = { compared: 0, corrected: 0, listed: 0, repaired: 0 };
  expect(await reconcile(rig)).toEqual({ dry_run: false, ...totals, failed: [], differences: [] });
  expect(slices).toEqual([
    ['charges', '', 0, false],
    ['refunds', '', 0, false],
    ['disputes', '', 0, false],
    ['fraud_warnings', '', 0, false],
    ['wallets', 'm', 0, false],
    ['devices', '', 0, false],
  ]);
});

test('a dry run is passed on to every comparison', async () => {
  const { slices, ...faked } = activities();
  expect(await reconcile(await createTestRig(faked), { dry_run: true, all: true })).toMatchObject({
    dry_run: true,
  });
  expect(slices.every(([, , , dry]) => dry)).toBe(true);
});

test('a million wallets take several executions, each of which continues where the previous one ended', async () => {
  const { slices: _, ...faked } = activities({
    async compareWallets({ after, done }) {
      const n = after === 'm' ? 0 : Number(after);
      expect(done).toBe(n * 10_000);
      const next = n + 1;
      const differences = [{ found: 'detached' as const, payment_method_id: String(next) }];
      return {
        ...NOTHING,
        compared: 10_000,
        corrected: 1,
        differences,
        ...(next < 100 && { after: String(next) }),
      };
    },
  });
  const rig = await createTestRig(faked);
  const handle = await rig.client.workflow.start('reconcilePaymentMethods', {
    ...{ workflowId: `reconciliation-${randomUUID()}`, taskQueue: TaskQueue.maintenance, args: [{}] },
  });
  const result = (await handle.result()) as ReconcileResult;
  expect(result).toMatchObject({ compared: 1_000_000, corrected: 100 });
  expect(result.differences).toHaveLength(100);
  const { historyLength } = await rig.client.workflow.getHandle(handle.workflowId).describe();
  expect(historyLength).toBeLessThan(1_000);
});

test('a run waits for an unavailable gateway, reports a stage that cannot be finished, and completes the others', async () => {
  let tries = 0;
  const { slices, ...faked } = activities({
    async compareRecords({ stage }) {
      if (stage === 'disputes')
        throw new PersonaError('gateway_misconfigured', 'the key may not read disputes');
      tries += 1;
      if (tries < 10) throw new PersonaError('gateway_unavailable', 'unavailable');
      return { ...NOTHING, compared: 1 };
    },
  });
  const rig = await createTestRig(faked);
  expect(await reconcile(rig)).toMatchObject({ compared: 3, failed: ['disputes'] });
  expect(slices.map(([stage]) => stage)).toEqual(['wallets', 'devices']);
});
