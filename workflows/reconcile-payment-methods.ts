/**
 * Daily: compares the gateway with the graph, and passes differences, left by a lost webhook or lost data, to the
 * responsible processes. It covers each day's charges, recent refunds and disputes, a share of the wallets, and two
 * invariants of the graph. Works page by page, so that memory and history stay bounded.
 */

import { ActivityFailure, log, makeContinueAsNewFunc, proxyActivities } from '@temporalio/workflow';
import { type ReconcileInput, TaskQueue, WorkflowName } from '../domain/workflow-contracts.ts';
import type { Pass } from '../domain/reconciliation/pace.ts';
import type { TimeRange } from '../domain/reconciliation/records.ts';
import {
  addSlice,
  type Difference,
  NOTHING_COMPARED,
  type SliceResult,
  type Totals,
} from '../domain/reconciliation/totals.ts';
import { show } from './visibility.ts';

/** The gateway's lists come first: payments do not wait for a million wallets. */
const STAGES = ['charges', 'refunds', 'disputes', 'fraud_warnings', 'wallets', 'devices'] as const;
export type Stage = (typeof STAGES)[number];

/** What one run compares. */
export interface ReconcilePlan {
  /** When the compared charges were made, and the compared refunds and disputes, which change later. */
  charges: TimeRange;
  changes: TimeRange;
  /** Where the comparison of wallets continues, and how many it covers; `null`: all remaining ones. */
  pass: Pass;
  quota: number | null;
  /** The next run continues where this one ends. */
  keep: boolean;
}

/** A part of a stage. `after`: the last object compared, or empty; `done`: how many of the stage were compared before. */
export interface Slice {
  stage: Stage;
  after: string;
  done: number;
  plan: ReconcilePlan;
  dry_run: boolean;
}

export interface ReconcileActivities {
  /** `all`: every wallet, even if it was compared recently. */
  planReconciliation(input: { all: boolean }): Promise<ReconcilePlan>;
  /** Compares charges, refunds, disputes or fraud warnings of the gateway for a few minutes. */
  compareRecords(slice: Slice): Promise<SliceResult>;
  /** The same for wallets. */
  compareWallets(slice: Slice): Promise<SliceResult>;
  /** The same for devices; only their version is checked. */
  checkDevices(slice: Slice): Promise<SliceResult>;
}

export interface ReconcileState {
  plan: ReconcilePlan;
  stage: Stage;
  after: string;
  /** Compared in this stage. */
  done: number;
  totals: Totals;
  /** Stages that could not be finished. */
  failed: Stage[];
  differences: Difference[];
}

export interface ReconcileResult extends Totals {
  dry_run: boolean;
  /** Stages that could not be finished; the next day's run continues them where they stopped. */
  failed: Stage[];
  /** The first ones. */
  differences: Difference[];
}

const { planReconciliation, compareRecords, compareWallets, checkDevices } =
  proxyActivities<ReconcileActivities>({
    // A separate queue: neither the sweep nor gateway updates wait behind a million wallets.
    taskQueue: TaskQueue.reconciliation,
    // A slice ends by itself after four minutes, at the end of a page.
    startToCloseTimeout: '15m',
    // Detects a dead worker; the slice then continues at its last page.
    heartbeatTimeout: '1m',
    // Waits for an unavailable gateway until the next day's run is due.
    scheduleToCloseTimeout: '20h',
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10m' },
  });

const COMPARE: Readonly<Record<Stage, (slice: Slice) => Promise<SliceResult>>> = {
  charges: (slice) => compareRecords(slice),
  refunds: (slice) => compareRecords(slice),
  disputes: (slice) => compareRecords(slice),
  fraud_warnings: (slice) => compareRecords(slice),
  wallets: (slice) => compareWallets(slice),
  devices: (slice) => checkDevices(slice),
};

/** Keeps the history at a few hundred events. */
const SLICES_PER_RUN = 60;

export async function reconcilePaymentMethods(input: ReconcileInput = {}): Promise<ReconcileResult> {
  const { dry_run = false, all = false } = input;
  const state = (input.from as ReconcileState | undefined) ?? (await begin(all));
  const showProgress = (details: string) =>
    show({ process: WorkflowName.reconcilePaymentMethods, state: state.stage }, details);
  showProgress(`Compares ${state.stage} with the gateway${dry_run ? ' (dry run)' : ''}`);
  let slices = 0;
  for (;;) {
    const next = await slice(state, dry_run);
    if (next !== undefined) state.after = next;
    else if (!advanceStage(state)) break;
    slices += 1;
    if (slices >= SLICES_PER_RUN)
      await makeContinueAsNewFunc<typeof reconcilePaymentMethods>()({ ...input, from: state });
  }
  const { totals, failed, differences } = state;
  show(
    {
      process: WorkflowName.reconcilePaymentMethods,
      state: 'done',
      outcome: failed.length > 0 ? 'incomplete' : 'complete',
    },
    `Compared ${totals.compared}; corrected ${totals.corrected}, listed ${totals.listed}, repaired ${totals.repaired}`,
  );
  return { dry_run, ...totals, failed, differences };
}

async function begin(all: boolean): Promise<ReconcileState> {
  const plan = await planReconciliation({ all });
  return {
    plan,
    ...{ stage: STAGES[0], after: '', done: 0 },
    ...{ totals: NOTHING_COMPARED, failed: [], differences: [] },
  };
}

/** @returns where the stage continues; `undefined`: it is complete, or failed */
async function slice(state: ReconcileState, dry_run: boolean): Promise<string | undefined> {
  const { stage, after, done, plan } = state;
  try {
    const result = await COMPARE[stage]({ stage, after, done, plan, dry_run });
    state.done += result.compared;
    Object.assign(state, addSlice(state, result));
    return result.after;
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    log.error('reconciliation stage not finished', { stage, reason: error.cause?.message });
    state.failed.push(stage);
    return undefined;
  }
}

/** @returns whether there is another stage */
function advanceStage(state: ReconcileState): boolean {
  const next = STAGES[STAGES.indexOf(state.stage) + 1];
  if (next === undefined) return false;
  Object.assign(state, { stage: next, after: '', done: 0 });
  if (next === 'wallets') state.after = state.plan.pass.after;
  return true;
}
