/** The activities of an onboarding. Each may run twice and acts once. */

import type { Policy } from '../domain/policy.ts';
import type { Chimera } from '../domain/ports.ts';
import { staleEventError, isBeyondRetention } from '../domain/retention.ts';
import {
  type Graph,
  awaitsBehavioralProfile,
  hasReceipt,
  linkBehavioralProfile,
  onboard,
} from '../graph/index.ts';
import type { OnboardingActivities, ProfileActivities } from '../workflows/onboard-customer.ts';
import { headerOf } from './command-header.ts';

export interface OnboardingDependencies {
  graph: Graph;
  chimera: Chimera;
  policy: Policy;
  /** Epoch milliseconds. */
  now: () => number;
}

export function createOnboardingActivities({
  graph,
  chimera,
  policy,
  now,
}: OnboardingDependencies): OnboardingActivities & ProfileActivities {
  return {
    async onboard({ request, actor, correlation_id }) {
      // The transaction id is the key permanently: every repeat gets the first result.
      const header = headerOf(request.transaction_id, {
        occurredAt: request.occurred_at,
        actor,
        correlationId: correlation_id,
      });
      // An imported transaction may be older; it was processed before this workflow started.
      if (isBeyondRetention(request.occurred_at, now(), policy) && !(await hasReceipt(graph, header)))
        throw staleEventError('occurred_at');
      const ready = await onboard(graph, header, { request, policy });
      return { ready, verify_wait_ms: policy.onboarding.verifyWait };
    },

    async initiateBehavioralProfile({ customer_id, snapshot }) {
      if (!(await awaitsBehavioralProfile(graph, { customer_id }))) return undefined;
      return await chimera.initiateBehavioralProfile({ customer_id, snapshot });
    },

    async linkBehavioralProfile({ customer_id, baseline_data_ref }) {
      const header = headerOf(`profile:${customer_id}:${baseline_data_ref}`, {
        occurredAt: new Date(now()).toISOString(),
      });
      await linkBehavioralProfile(graph, header, { customer_id, baseline_data_ref });
    },
  };
}
