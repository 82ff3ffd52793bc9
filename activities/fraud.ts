/** The activities of a fraud case. Each may run twice and acts once: the graph deduplicates by its idempotency keys. */

import { type ErrorType, PersonaError } from '../domain/errors.ts';
import type { FraudOutcomeReport } from '../domain/fraud/messages.ts';
import type { CaseAnswer, KnownFraudCase } from '../domain/fraud/state.ts';
import type { Policy } from '../domain/policy.ts';
import { findErasureOf } from '../graph/erasure/index.ts';
import {
  applyFraudOutcome,
  type CommandHeader,
  decideFraudReview,
  type FraudResult,
  type Graph,
  getFraudCase,
  remindOfFraudReview,
  setCustomerStatus,
} from '../graph/index.ts';
import { clearReports } from '../graph/recovery/index.ts';
import type { FraudActivities, RefusedReport } from '../workflows/apply-fraud-outcome.ts';
import { headerOf, activityIdempotencyKey } from './command-header.ts';
import type { SignalRecoveries } from './recovery.ts';

export interface FraudDependencies {
  graph: Graph;
  policy: Policy;
  signalRecoveries: SignalRecoveries;
  /** Epoch milliseconds. */
  now: () => number;
  /** Called for each message about a customer who is erased, or being erased. */
  onErased?: () => void;
}

/** Errors of a message that no retry can fix. */
const REFUSALS: readonly ErrorType[] = [
  'invalid_argument',
  'customer_not_found',
  'device_not_found',
  'payment_method_not_found',
  'idempotency_key_reused',
];

export function createFraudActivities(dependencies: FraudDependencies): FraudActivities {
  const { graph, policy, signalRecoveries, now } = dependencies;

  const answerOf = (found: KnownFraudCase | undefined): CaseAnswer => ({
    ...(found && { found }),
    policy: policy.fraud,
  });

  /** @param command the name of the command; `actor`: on whose behalf it runs */
  function header(command: string, actor: string): CommandHeader {
    return headerOf(activityIdempotencyKey(command), { occurredAt: new Date(now()).toISOString(), actor });
  }

  /**
   * Signals the current state to open recoveries: after a crash this runs later than the command, and another case may
   * have changed the customer since.
   */
  async function signalAndAnswer(
    case_id: string,
    {
      recoveries,
      customer_status_changed,
      restored,
      version,
    }: Omit<FraudResult, 'applied' | 'customer_status'>,
  ): Promise<CaseAnswer> {
    const found = await getFraudCase(graph, case_id);
    // After the commit: a crash in between repeats the activity, and a repeated signal is harmless.
    if (found && customer_status_changed)
      await signalRecoveries(recoveries, 'customerStatusChanged', { status: found.customer_status });
    for (const payment_method_id of restored) {
      // A case may restore a method more than once: each time is a separate event, a repeated signal is not.
      const event_id = `fraud:${case_id}:${payment_method_id}:${version}`;
      await signalRecoveries(recoveries, 'paymentMethodUpdated', { event_id, payment_method_id });
    }
    return answerOf(found);
  }

  /** Runs a command of a case, and tolerates that the customer was erased and the case no longer exists. */
  async function ignoringErasedCustomer(
    case_id: string,
    work: () => Promise<CaseAnswer>,
  ): Promise<CaseAnswer> {
    try {
      return await work();
    } catch (error) {
      if (!isOneOf(error, ['fraud_case_not_found', 'customer_not_found'])) throw error;
      return answerOf(await getFraudCase(graph, case_id));
    }
  }

  return {
    async applyOutcome({ report }) {
      const { event_id, case_id, occurred_at: occurredAt } = report;
      const command = headerOf(`outcome:${event_id}`, { occurredAt, causationId: event_id });
      let result: FraudResult;
      try {
        result = await applyFraudOutcome(graph, command, report);
      } catch (error) {
        if (!isOneOf(error, REFUSALS)) throw error;
        await clearReport(report);
        const refused = refusalOf(error);
        if ((await findErasureOf(graph, report.customer_id)) === undefined) return { refused };
        dependencies.onErased?.();
        return { refused, customer_gone: true };
      }
      return signalAndAnswer(case_id, result);
    },

    readFraudCase: async ({ case_id }) => answerOf(await getFraudCase(graph, case_id)),

    decideFraudReview: ({ case_id, decision: { decision, actor, reason } }) =>
      ignoringErasedCustomer(case_id, async () => {
        const decided = { case_id, decision, reason };
        return signalAndAnswer(case_id, await decideFraudReview(graph, header('decide', actor), decided));
      }),

    remindOfFraudReview: ({ case_id }) =>
      ignoringErasedCustomer(case_id, async () => {
        await remindOfFraudReview(graph, header('remind', 'persona'), { case_id });
        return answerOf(await getFraudCase(graph, case_id));
      }),

    reinstateCustomer: ({ case_id, by: { actor, reason } }) =>
      ignoringErasedCustomer(case_id, async () => {
        const found = await getFraudCase(graph, case_id);
        if (!found) return answerOf(found);
        const status = { customer_id: found.customer_id, status: 'active', reason } as const;
        const { changed, ...rest } = await setCustomerStatus(graph, header('reinstate', actor), status);
        return signalAndAnswer(case_id, { ...rest, customer_status_changed: changed, restored: [] });
      }),
  };

  /** Deletes the report of a refused message, so that it is not sent again. */
  async function clearReport({ case_id, event_id }: FraudOutcomeReport): Promise<void> {
    const reports = [{ kind: 'fraud_outcome', event_id } as const];
    await clearReports(graph, header('clear', 'persona'), { case_id, reports });
  }
}

function isOneOf(error: unknown, types: readonly ErrorType[]): error is PersonaError {
  return error instanceof PersonaError && types.includes(error.type);
}

function refusalOf({ type, message, problems }: PersonaError): RefusedReport {
  return { type, problems: problems.length > 0 ? problems : [{ field: fieldOf(type), message }] };
}

const FIELDS: Partial<Record<ErrorType, keyof FraudOutcomeReport>> = {
  customer_not_found: 'customer_id',
  device_not_found: 'device_id',
  payment_method_not_found: 'payment_method_id',
  idempotency_key_reused: 'event_id',
};

const fieldOf = (type: ErrorType): string => FIELDS[type] ?? '';
