import { PersonaError } from '../../domain/errors.ts';
import { Consistency } from '../../proto/gen/persona/v1/types.ts';
import type { PersonaAgentServer } from '../../proto/gen/persona/v1/persona_agent.ts';
import type { Services } from '../../services/services.ts';
import type { Observers } from '../requests.ts';
import { toContext } from './context-message.ts';
import { Problems, toDevice, toJson, toRecovery, toIsoTime } from './mapping.ts';
import { unary } from './unary.ts';

/** The calls of other agents while a payment is being processed. */
export function personaAgent(services: Services, observers: Observers): PersonaAgentServer {
  return {
    getCustomerContext: unary(observers, 'GetCustomerContext', async (caller, request) => {
      const problems = new Problems();
      problems.requireUuid(request.customer_id, 'customer_id');
      problems.require(
        request.consistency !== Consistency.UNRECOGNIZED,
        'consistency',
        'must be CONSISTENCY_EVENTUAL or CONSISTENCY_STRONG',
      );
      problems.require(request.min_version >= 0n, 'min_version', 'must be at least 0');
      problems.throwIfAny();
      const context = await services.getContext(caller, {
        customer_id: request.customer_id.toLowerCase(),
        consistency: request.consistency === Consistency.CONSISTENCY_STRONG ? 'strong' : 'eventual',
        min_version: Number(request.min_version),
      });
      return toContext(context);
    }),

    updateDeviceTrustScore: unary(observers, 'UpdateDeviceTrustScore', async (caller, request) => {
      const score = request.trust_score;
      const observed_at = toIsoTime(request.observed_at);
      const problems = new Problems();
      problems.requireUuid(request.device_id, 'device_id');
      problems.require(score !== undefined, 'trust_score', 'is required');
      problems.require(
        score === undefined || (score >= 0 && score <= 1),
        'trust_score',
        'must be a number from 0 to 1',
      );
      problems.require(
        observed_at === undefined || !Number.isNaN(Date.parse(observed_at)),
        'observed_at',
        'must be an RFC 3339 time',
      );
      problems.throwIfAny();
      if (observed_at === undefined && caller.idempotencyKey === undefined)
        throw new PersonaError(
          'idempotency_key_required',
          'observed_at or an idempotency-key in the metadata is required',
          { problems: [{ field: 'observed_at', message: 'is required without an idempotency-key' }] },
        );
      const updated = await services.updateDeviceTrust(caller, {
        device_id: request.device_id.toLowerCase(),
        trust_score: score ?? 0,
        observed_at,
        expected_version:
          request.expected_version === undefined ? undefined : Number(request.expected_version),
      });
      return {
        device: toDevice(updated.device),
        version: BigInt(updated.version),
        linked_customers: BigInt(updated.linked_customers),
        applied: updated.applied,
      };
    }),

    // The service validates the message, as for every interface.
    reportPaymentFailure: unary(observers, 'ReportPaymentFailure', (caller, request) =>
      services.reportPaymentFailure(caller, toJson(request)),
    ),

    reportPaymentSettled: unary(observers, 'ReportPaymentSettled', (caller, request) =>
      services.reportPaymentSettled(caller, toJson(request)),
    ),

    reportFraudOutcome: unary(observers, 'ReportFraudOutcome', (caller, request) =>
      services.reportFraudOutcome(caller, toJson(request)),
    ),

    getRecovery: unary(observers, 'GetRecovery', async (caller, request) => {
      const problems = new Problems();
      problems.require(request.payment_id !== '', 'payment_id', 'is required');
      problems.throwIfAny();
      return toRecovery(await services.getRecovery(caller, { payment_id: request.payment_id }));
    }),
  };
}
