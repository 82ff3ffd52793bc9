/**
 * Erases a customer, step by step (docs/reference/workflows.md, 'eraseCustomer'). Its history names no customer: each
 * activity finds in the graph whom the erasure is about, and does nothing if its step is done.
 */

import { continueAsNew, log, proxyActivities, sleep, workflowInfo } from '@temporalio/workflow';
import { ERASURE_STEPS, type ErasureStep, type StepAnswer, waitBefore } from '../domain/erasure/steps.ts';
import { type EraseCustomerInput, TaskQueue, WorkflowName } from '../domain/workflow-contracts.ts';
import { show } from './visibility.ts';

type Step = (input: EraseCustomerInput) => Promise<StepAnswer>;

export interface ErasureActivities {
  /** Writes the erasure into the journal. */
  recordErasure: Step;
  /** Hides the customer, and waits until the erasure can no longer be taken back. */
  hideErasedCustomer: Step;
  /** Has open recoveries cancelled and other processes end, and waits for money and disputes. */
  settleErasedCustomer: Step;
  /** Deletes the gateway's data, has Chimera forget, and announces the erasure to other agents. */
  announceToOthers: Step;
  /** Notifies the customer, for the last time. */
  notifyOfErasure: Step;
  /** The customer was not notified within the time for it. */
  giveUpNotice(input: EraseCustomerInput): Promise<void>;
  /** Destroys the data key and deletes everything personal; `waiting_for`: something was unsettled again. */
  forgetErasedCustomer: Step;
  /** Deletes the customer's executions in Temporal. */
  deleteHistories: Step;
  /** From now on nothing leads from the erasure to the customer. */
  finishErasure(input: EraseCustomerInput): Promise<void>;
}

const activities = proxyActivities<ErasureActivities>({
  // A few transactions, or a page of executions.
  startToCloseTimeout: '2m',
  // No limit: what was begun is completed, whatever is away for how long.
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10m' },
});

const { announceToOthers } = proxyActivities<ErasureActivities>({
  // Every method of the customer is one request to the gateway.
  startToCloseTimeout: '10m',
  heartbeatTimeout: '1m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10m' },
});

const { forgetErasedCustomer, deleteHistories } = proxyActivities<ErasureActivities>({
  // A customer with a hundred thousand events or executions takes minutes; another attempt goes on where the last one was.
  startToCloseTimeout: '30m',
  heartbeatTimeout: '1m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10m' },
});

const { notifyOfErasure } = proxyActivities<ErasureActivities>({
  taskQueue: TaskQueue.notices,
  // One delivery takes at most ten seconds; its result must still be recorded in the graph.
  startToCloseTimeout: '20s',
  // As any other notice, and the erasure waits for it: the address is deleted afterwards.
  scheduleToCloseTimeout: '3d',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1h' },
});

/** Per step, how it is performed. */
const PERFORM: Readonly<Record<ErasureStep, Step>> = {
  recorded: activities.recordErasure,
  hidden: activities.hideErasedCustomer,
  settled: activities.settleErasedCustomer,
  notified: notify,
  forgotten: forgetErasedCustomer,
  histories_deleted: deleteHistories,
};

export type EraseCustomerResult = { erasure_id: string; outcome: 'done' | 'cancelled' };

/** `waited`: how often the previous run of the chain has looked whether this step is done. */
type Input = EraseCustomerInput & { waited?: { step: ErasureStep; looks: number } };

export async function eraseCustomer({ erasure_id, waited }: Input): Promise<EraseCustomerResult> {
  const attributes = { process: WorkflowName.eraseCustomer };
  for (const step of ERASURE_STEPS) {
    const before = waited?.step === step ? waited.looks : 0;
    for (let looks = before + 1; ; looks += 1) {
      const { waiting_for, cancelled } = await PERFORM[step]({ erasure_id });
      if (cancelled) {
        show({ ...attributes, state: 'done', outcome: 'cancelled' }, 'Taken back');
        return { erasure_id, outcome: 'cancelled' };
      }
      if (waiting_for.length === 0) break;
      if (looks === before + 1)
        show(
          { ...attributes, state: 'waiting' },
          `Until **${step}** it waits for: ${waiting_for.join(', ')}`,
        );
      await sleep(waitBefore(looks));
      if (workflowInfo().continueAsNewSuggested)
        await continueAsNew<typeof eraseCustomer>({ erasure_id, waited: { step, looks } });
    }
  }
  await activities.finishErasure({ erasure_id });
  show({ ...attributes, state: 'done', outcome: 'done' }, 'Everything personal is deleted');
  return { erasure_id, outcome: 'done' };
}

/** The customer first, while the address is known; the gateway after it, so that a question about the notice finds one. */
async function notify(input: EraseCustomerInput): Promise<StepAnswer> {
  try {
    await notifyOfErasure(input);
  } catch (error) {
    log.error('the last notice is given up', { erasure_id: input.erasure_id, error });
    await activities.giveUpNotice(input);
  }
  return announceToOthers(input);
}
