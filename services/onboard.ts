import { validationError, PersonaError } from '../domain/errors.ts';
import { formatRules } from '../domain/onboarding/formats.ts';
import type { OnboardingRequest, OnboardingResult } from '../domain/onboarding/types.ts';
import { validateOnboarding } from '../domain/onboarding/validate.ts';
import { isSameRequest } from '../graph/index.ts';
import { onboardCustomer } from '../temporal/workflow-client.ts';
import { BUSINESS_EVENTS, type Caller } from './caller.ts';
import type { ServiceDependencies } from './service-dependencies.ts';

/**
 * Onboards a customer, or recognises one, and returns once the graph is written (docs/reference/workflows.md, 'onboardCustomer'). The
 * transaction id is the idempotency key: a repeat gets the first result.
 *
 * @throws PersonaError invalid_argument and card_number_refused with all problems, idempotency_key_reused, what the
 *   process refuses, temporal_unavailable, deadline_exceeded
 */
export async function onboard(
  { graph, temporal, policy }: ServiceDependencies,
  caller: Caller,
  input: unknown,
): Promise<OnboardingResult> {
  const checked = validateOnboarding(input, formatRules(policy));
  if (!checked.ok) throw validationError(checked.problems, checked.type);
  const { request, warnings } = withoutRefusedMetadata(caller, checked.request);
  const { request_hash, ...result } = await onboardCustomer(
    temporal,
    { caller: BUSINESS_EVENTS, actor: caller.actor, correlation_id: caller.correlationId, request },
    { deadline: new Date(caller.deadline) },
  );
  if (!isSameRequest(graph, request, request_hash))
    throw new PersonaError(
      'idempotency_key_reused',
      `the transaction ${request.transaction_id} was already onboarded with a different request`,
    );
  return { ...result, warnings: [...result.warnings, ...warnings] };
}

/** Leaves out `ltv` and `segment`, with a warning each, if the caller may not set them (docs/reference/security.md). */
function withoutRefusedMetadata(
  { maySetLtvAndSegment }: Caller,
  request: OnboardingRequest,
): { request: OnboardingRequest; warnings: string[] } {
  const { ltv, segment, ...metadata } = request.customer_metadata ?? {};
  if (maySetLtvAndSegment || (ltv === undefined && segment === undefined)) return { request, warnings: [] };
  return {
    request: { ...request, customer_metadata: metadata },
    warnings: [
      ...(ltv === undefined ? [] : ['ltv_not_permitted']),
      ...(segment === undefined ? [] : ['segment_not_permitted']),
    ],
  };
}
