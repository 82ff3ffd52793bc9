/** The activities of a contest. Each may run twice and acts once. */

import { parseContestId } from '../domain/contests.ts';
import { PersonaError } from '../domain/errors.ts';
import type { Policy } from '../domain/policy.ts';
import { contestWorkflowId } from '../domain/workflow-contracts.ts';
import { decideContest, type Graph, getContestState } from '../graph/index.ts';
import { getOpenObligations } from '../graph/recovery/index.ts';
import type { ContestActivities } from '../workflows/review-contest.ts';
import { activityIdempotencyKey, headerOf } from './command-header.ts';
import type { SignalRecoveries } from './recovery.ts';

/** The source of a decision's events. */
const CONTEST_SOURCE = 'contest';

export interface ContestDependencies {
  graph: Graph;
  policy: Policy;
  signalRecoveries: SignalRecoveries;
  countContestReminder: () => void;
  /** Epoch milliseconds. */
  now: () => number;
}

export function createContestActivities(dependencies: ContestDependencies): ContestActivities {
  const { graph, policy, signalRecoveries, countContestReminder, now } = dependencies;

  /** Call it after the commit: a crash in between repeats the activity, and a repeated signal is harmless. */
  async function signalOpenRecoveries(
    { contest_id, customer_id, opened_seq }: { contest_id: string; customer_id: string; opened_seq?: number },
    methods: readonly string[],
  ): Promise<void> {
    if (methods.length === 0) return;
    const open = await getOpenObligations(graph, customer_id);
    for (const payment_method_id of methods) {
      // A method may be contested again, and a recovery takes each id once.
      const event_id = `${contestWorkflowId(contest_id)}:${opened_seq}:${payment_method_id}`;
      await signalRecoveries(open, 'paymentMethodUpdated', { event_id, payment_method_id });
    }
  }

  return {
    async readContest({ contest_id }) {
      const found = await getContestState(graph, contest_id);
      const { contestReminder, deadline } = policy.privacy;
      return { ...(found && { found }), policy: { contestReminder, deadline } };
    },

    async decideContest({ contest_id, decision: { actor, ...decision } }) {
      const event = parseContestId(contest_id);
      if (!event) return { removed: [] };
      const occurredAt = new Date(now()).toISOString();
      const header = {
        ...headerOf(activityIdempotencyKey('decide'), { occurredAt, actor }),
        caller: CONTEST_SOURCE,
      };
      try {
        const decided = await decideContest(graph, header, { ...event, ...decision });
        const { opened_seq, removed_payment_method_ids: removed } = decided;
        const changed = [...removed, ...decided.restored_payment_method_ids];
        await signalOpenRecoveries({ ...event, contest_id, opened_seq }, changed);
        return { removed };
      } catch (error) {
        // The customer is being erased: nothing is left to decide.
        if (error instanceof PersonaError && error.type === 'customer_not_found') return { removed: [] };
        throw error;
      }
    },

    async remindOfContest() {
      countContestReminder();
    },
  };
}
