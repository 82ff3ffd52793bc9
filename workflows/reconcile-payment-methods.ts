/**
 * Daily: what the gateway has is compared with the graph, and what a lost webhook or lost data hid is brought to the
 * processes that it concerns: each day's charges, the refunds and disputes of late, a share of the wallets, and two
 * invariants of the graph. Page by page, so that memory and history stay bounded however many there are.
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

/** The gateway's lists first: money does not wait for a million wallets. */
const STAGES = ['charges', 'refunds', 'disputes', 'fraud_warnings', 'wallets', 'devices'] as const;
export type Stage = (typeof STAGES)[number];

/** What one run compares. */
export interface ReconcilePlan {
  /** When the charges were made that are compared, and the refunds and disputes, which change later on. */
  charges: TimeRange;
  changes: TimeRange;
  /** Where the comparison of wallets goes on, and how many it deals with; `null`: all that are left. */
  pass: Pass;
  quota: number | null;
  /** The next run goes on where this one ends. */
  keep: boolean;
}

/** A part of one stage. `after`: the last one that was compared, or empty; `done`: how many of the stage were compared before it. */
export interface Slice {
  stage: Stage;
  after: string;
  done: number;
  plan: ReconcilePlan;
  dry_run: boolean;
}

export interface ReconcileActivities {
  /** `all`: every wallet, whatever has been compared of late. */
  planReconciliation(input: { all: boolean }): Promise<ReconcilePlan>;
  /** A few minutes' worth of the gateway's charges, refunds, disputes or warnings. */
  compareRecords(slice: Slice): Promise<SliceResult>;
  /** The same of wallets. */
  compareWallets(slice: Slice): Promise<SliceResult>;
  /** The same of devices, whose version alone can be wrong. */
  checkDevices(slice: Slice): Promise<SliceResult>;
}

export interface ReconcileState {
  plan: ReconcilePlan;
  stage: Stage;
  after: string;
  /** Of this stage. */
  done: number;
  totals: Totals;
  /** Stages that could not be finished. */
  failed: Stage[];
  differences: Difference[];
}

export interface ReconcileResult extends Totals {
  dry_run: boolean;
  /** Stages that could not be finished; tomorrow they begin where they were. */
  failed: Stage[];
  /** The first of them. */
  differences: Difference[];
}

const { planReconciliation, compareRecords, compareWallets, checkDevices } =
  proxyActivities<ReconcileActivities>({
    // On slots of its own: neither the sweep nor what the gateway tells waits behind a million wallets.
    taskQueue: TaskQueue.reconciliation,
    // A slice ends by itself after four minutes, at the end of a page.
    startToCloseTimeout: '15m',
    // A dead worker is noticed, and the slice goes on at its last page.
    heartbeatTimeout: '1m',
    // An outage of the gateway is waited for until tomorrow's run would begin.
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

/** History stays at a few hundred events. */
const SLICES_PER_RUN = 60;

export async function reconcilePaymentMethods(input: ReconcileInput = {}): Promise<ReconcileResult> {
  const { dry_run = false, all = false } = input;
  const state = (input.from as ReconcileState | undefined) ?? (await begin(all));
  const showProgress = (details: string) =>
    show({ process: WorkflowName.reconcilePaymentMethods, state: state.stage }, details);
  showProgress(`Compares ${state.stage} with the gateway${dry_run ? ', and corrects nothing' : ''}`);
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

/** @returns where the stage goes on; `undefined`: it is over */
async function slice(state: ReconcileState, dry_run: boolean): Promise<string | undefined> {
  const { stage, after, done, plan } = state;
  try {
    const result = await COMPARE[stage]({ stage, after, done, plan, dry_run });
    state.done += result.compared;
    Object.assign(state, addSlice(state, result));
    return result.after;
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    log.error('A part of the reconciliation was not finished', { stage, reason: error.cause?.message });
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
