/** A customer's first or next transaction: recognised, stored, verified, profiled (docs/reference/workflows.md, 'onboardCustomer'). */

import { ActivityFailure, defineUpdate, log, proxyActivities, workflowInfo } from '@temporalio/workflow';
import { isRecord } from '../domain/validation.ts';
import { validateOnboarding } from '../domain/onboarding/validate.ts';
import type { OnboardingRequest } from '../domain/onboarding/types.ts';
import {
  type Requester,
  type CustomerReady,
  type OnboardCustomerInput,
  TaskQueue,
  UpdateName,
  WorkflowName,
} from '../domain/workflow-contracts.ts';
import { answerByUpdate, invalidRequest, waitAtMost } from './answer.ts';
import { type NewMethod, type Verified, verifyMethod } from './verify-method.ts';
import { show } from './visibility.ts';

export interface OnboardingActivities {
  /** Recognises or creates the customer and writes everything, in one command. Also reads the policy of this run. */
  onboard(input: OnboardCustomerInput): Promise<{ ready: CustomerReady; verify_wait_ms: number }>;
  linkBehavioralProfile(input: { customer_id: string; baseline_data_ref: string }): Promise<void>;
}

export interface ProfileActivities {
  /** `undefined`: the customer already has a profile, or was erased; Chimera is not called. */
  initiateBehavioralProfile(input: {
    customer_id: string;
    snapshot: string;
  }): Promise<{ baseline_data_ref: string } | undefined>;
}

/** A warning in the result: Chimera was unavailable for a week, or created no profile. */
const PROFILE_GIVEN_UP = 'behavioral_profile_given_up';

/** Caller and actor where a Temporal client names none. */
const UNNAMED_CALLER = 'temporal-client';

export const customerReadyUpdate = defineUpdate<CustomerReady>(UpdateName.customerReady);

const graph = proxyActivities<OnboardingActivities>({
  // One transaction of milliseconds; anything longer means that the server was lost during it.
  startToCloseTimeout: '20s',
  // The caller has stopped waiting by then, but the transaction must not be lost: a repeat joins this run.
  scheduleToCloseTimeout: '1d',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

const chimera = proxyActivities<ProfileActivities>({
  taskQueue: TaskQueue.chimera,
  startToCloseTimeout: '30s',
  // After a week, the customer's next transaction requests the profile again.
  scheduleToCloseTimeout: '7d',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10m' },
});

/**
 * Update `customerReady` responds when the graph is written and the method, if any, is verified, or
 * `onboarding.verifyWait` after the write; the rest continues in the background.
 *
 * @returns the response, with the method's final status
 * @throws ApplicationFailure of the error catalogue; then nothing was written
 */
export function onboardCustomer(rawInput: OnboardCustomerInput | OnboardingRequest): Promise<CustomerReady> {
  return answerByUpdate(customerReadyUpdate, async (answer) => {
    const input = inputOf(rawInput);
    const { request } = input;
    const { ready: written, verify_wait_ms } = await graph.onboard(input);
    const { customer_id, created } = written;
    const customer = { process: WorkflowName.onboardCustomer, customerId: customer_id };
    const profile = request.behavioral_data_snapshot
      ? createProfile(customer_id, request.behavioral_data_snapshot)
      : undefined;

    let ready = written;
    const method = methodToVerify(input, request, written);
    if (method !== undefined) {
      show(
        { ...customer, state: 'verifying' },
        `Customer ${customer_id} is stored; the method is not verified yet`,
      );
      const verification = verifyMethod(method).then((verified) => {
        if (verified !== undefined) ready = withVerification(written, verified);
      });
      await waitAtMost(verification, verify_wait_ms);
      answer.respond(ready);
      await verification;
    }
    answer.respond(ready);
    if (profile !== undefined) {
      show(
        { ...customer, state: 'profiling' },
        `Customer ${customer_id} is ready; Chimera has no profile yet`,
      );
      if (!(await profile)) ready = { ...ready, warnings: [...ready.warnings, PROFILE_GIVEN_UP] };
    }
    const outcome = created ? 'created' : 'recognised';
    const profileNote = ready.warnings.includes(PROFILE_GIVEN_UP)
      ? ', without a profile: Chimera was unavailable'
      : '';
    show({ ...customer, state: 'done', outcome }, `Customer ${customer_id} is ${outcome}${profileNote}`);
    return ready;
  });
}

/**
 * External clients start this workflow with the bare request (docs/reference/workflows.md, 'onboardCustomer'). An input that
 * is no request must fail the workflow; a failing workflow task would leave it stuck.
 * @throws ApplicationFailure naming each field
 */
function inputOf(rawInput: unknown): OnboardCustomerInput {
  const wrapped =
    isRecord(rawInput) && rawInput.request !== undefined && rawInput.transaction_id === undefined;
  const checked = validateOnboarding(wrapped ? rawInput.request : rawInput);
  if (!checked.ok) throw invalidRequest(checked.type, checked.problems);
  const {
    caller = UNNAMED_CALLER,
    actor = UNNAMED_CALLER,
    correlation_id = workflowInfo().workflowId,
  } = wrapped ? (rawInput as Partial<Requester>) : {};
  return { caller, actor, correlation_id, request: checked.request };
}

/** The stored method, if it still has to be verified at the gateway. */
function methodToVerify(
  { caller, actor, correlation_id }: OnboardCustomerInput,
  request: OnboardingRequest,
  { customer_id, payment_method_id, payment_method_status }: CustomerReady,
): NewMethod | undefined {
  const token = request.payment_method_details?.token;
  if (token === undefined || payment_method_id === undefined) return undefined;
  if (payment_method_status !== 'unverified') return undefined;
  const { occurred_at } = request;
  return { caller, actor, correlation_id, customer_id, payment_method_id, token, occurred_at };
}

function withVerification(written: CustomerReady, verified: Verified): CustomerReady {
  const { payment_method_status, version, refused } = verified;
  const warnings = refused ? [...written.warnings, refused] : written.warnings;
  return { ...written, payment_method_status, version, warnings };
}

/**
 * Never fails the onboarding: a customer may be onboarded without a profile.
 * @returns whether the customer has one
 */
async function createProfile(customer_id: string, snapshot: string): Promise<boolean> {
  try {
    const initiated = await chimera.initiateBehavioralProfile({ customer_id, snapshot });
    if (initiated !== undefined) await graph.linkBehavioralProfile({ customer_id, ...initiated });
    return true;
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    log.error('behavioural profile given up', { customer_id, reason: error.cause?.message });
    return false;
  }
}
