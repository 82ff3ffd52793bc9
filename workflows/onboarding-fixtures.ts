/** Shared by the tests of `onboardCustomer`: fake activities, requests, and calls as a client makes them. */

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import type { OnboardingRequest } from '../domain/onboarding.ts';
import { type CustomerReady, onboardingWorkflowId, TaskQueue } from '../domain/workflow-contracts.ts';
import { onboardCustomer } from '../temporal/workflow-client.ts';
import { createTestRig, type TestRig } from '../test/rig/index.ts';
import type { OnboardingActivities, ProfileActivities } from './onboard-customer.ts';
import type { Attachment, GatewayMethodActivities, VerificationActivities } from './verify-method.ts';

type Activities = OnboardingActivities & ProfileActivities & GatewayMethodActivities & VerificationActivities;

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** A time-skipping server, and workers with these activities. */
export const onboardingRig = (activities: Activities) =>
  createTestRig({ activities: { [TaskQueue.onboarding]: activities } });

const LONG_WAIT_MS = 60_000;
/** For tests in which the gateway is unavailable; the default allows for a busy machine. */
export const SHORT_WAIT_MS = 200;

/** Activities of an onboarding that record their calls and effects; each test overrides what it needs. */
export function fakeOnboarding(overrides: Partial<Activities> = {}, verify_wait_ms = LONG_WAIT_MS) {
  const customer_id = randomUUID();
  const payment_method_id = randomUUID();
  const seen = {
    status: 'unverified' as string,
    profile: undefined as string | undefined,
    calls: [] as string[],
  };
  const activities: Activities = {
    async onboard({ request }) {
      const method = request.payment_method_details && {
        payment_method_id,
        payment_method_status: 'unverified' as const,
      };
      const match = { rule: 'none' as const, proven: true, suggested_customer_ids: [] };
      const ready = { customer_id, created: true, version: 5, match, warnings: [], ...method };
      return { ready: { ...ready, request_hash: `hash of ${request.transaction_id}` }, verify_wait_ms };
    },
    async attachPaymentMethod({ token }) {
      return attached(token);
    },
    async recordVerification({ attachment }) {
      if (attachment.result === 'refused') {
        seen.status = 'failed';
        return { payment_method_status: 'failed', version: 7, refused: 'payment_method_declined' };
      }
      seen.status = 'active';
      return { payment_method_status: 'active', version: 7 };
    },
    async initiateBehavioralProfile({ snapshot }) {
      return { baseline_data_ref: `baseline of ${snapshot}` };
    },
    async linkBehavioralProfile({ baseline_data_ref }) {
      seen.profile = baseline_data_ref;
    },
    ...overrides,
  };
  for (const [name, activity] of Object.entries(activities)) {
    activities[name as keyof Activities] = (async (input: never) => {
      seen.calls.push(name);
      return await (activity as (input: never) => unknown)(input);
    }) as never;
  }
  return { customer_id, payment_method_id, seen, activities };
}

export function attached(token: string): Attachment {
  return {
    result: 'attached',
    gateway_customer_ref: 'cus_1',
    method: { token, type: 'card', last_four: '4242' },
  };
}

export function request(changes: Partial<OnboardingRequest> = {}): OnboardingRequest {
  return {
    transaction_id: randomUUID(),
    payment_method_details: { type: 'card', token: 'pm_card_visa' },
    occurred_at: '2026-01-31T10:00:00Z',
    ...changes,
  };
}

export async function ask(rig: TestRig, body: unknown): Promise<CustomerReady> {
  const input = {
    request: body as OnboardingRequest,
    caller: 'checkout',
    actor: 'checkout',
    correlation_id: 'c-1',
  };
  return await onboardCustomer(rig.client, input, { deadline: new Date(Date.now() + 2 * LONG_WAIT_MS) });
}

export async function resultOf(rig: TestRig, { transaction_id }: OnboardingRequest): Promise<CustomerReady> {
  return await rig.client.workflow.getHandle(onboardingWorkflowId(transaction_id)).result();
}

/** Fails like an external system that is unavailable until then, by the server's clock. */
export function awayUntil(
  rig: () => TestRig,
  moment: () => number,
  type: 'gateway_unavailable' | 'chimera_unavailable',
) {
  return async () => {
    if ((await rig().now()) < moment()) throw new PersonaError(type, `unavailable`);
  };
}

/**
 * An activity with a limit of seven days ends with its last attempt within them: Temporal does not schedule a retry
 * beyond the limit. By then the interval between two attempts is ten minutes. The times are those of the execution,
 * because the server's clock may skip ahead after its end.
 */
export async function expectLastedAWeek(rig: TestRig, { transaction_id }: OnboardingRequest): Promise<void> {
  const { startTime, closeTime } = await rig.client.workflow
    .getHandle(onboardingWorkflowId(transaction_id))
    .describe();
  const elapsed = Number(closeTime) - Number(startTime);
  expect(elapsed).toBeGreaterThan(7 * DAY - 10 * MINUTE);
  expect(elapsed).toBeLessThan(7 * DAY + 10 * MINUTE);
}
