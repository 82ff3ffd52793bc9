import { PersonaError } from '../../domain/errors.ts';
import {
  GetPaymentOptionsResponse,
  GetRecoveryResponse,
  GetVerifiedAddressesResponse,
  MarkPaymentMethodInactiveResponse,
  type PersonaAgentServer,
  UpdateDeviceTrustScoreResponse,
} from '../../proto/gen/persona/v1/persona_agent.ts';
import { Consistency } from '../../proto/gen/persona/v1/types.ts';
import { MAX_EXPORT_MS } from '../../services/export-customer.ts';
import type { Services } from '../../services/services.ts';
import type { Observers } from '../requests.ts';
import { toContext } from './context-message.ts';
import { isUuid, Problems, toIsoTime, toJson, toMessage } from './mapping.ts';
import { serverStream } from './server-stream.ts';
import { unary } from './unary.ts';

/** The calls of other agents while a payment is being processed. */
export function personaAgent(services: Services, observers: Observers): PersonaAgentServer {
  return {
    getCustomerContext: unary(observers, 'GetCustomerContext', async (caller, request) => {
      const problems = new Problems();
      problems.requireUuid(request.customer_id, 'customer_id');
      const consistency = readConsistency(request.consistency, problems);
      problems.require(request.min_version >= 0n, 'min_version', 'must be at least 0');
      problems.throwIfAny();
      const context = await services.getContext(caller, {
        customer_id: request.customer_id.toLowerCase(),
        consistency,
        min_version: Number(request.min_version),
      });
      return toContext(context);
    }),

    batchGetCustomerContext: unary(observers, 'BatchGetCustomerContext', async (caller, request) => {
      const { customer_ids } = request;
      const problems = new Problems();
      problems.require(customer_ids.length > 0, 'customer_ids', 'is required');
      problems.require(
        customer_ids.length <= MAX_BATCH,
        'customer_ids',
        `must have at most ${MAX_BATCH} entries`,
      );
      requireUuids(customer_ids, problems);
      const consistency = readConsistency(request.consistency, problems);
      problems.throwIfAny();
      const { items, missing } = await services.getContexts(caller, {
        customer_ids: customer_ids.map((id) => id.toLowerCase()),
        consistency,
      });
      return { items: items.map(toContext), missing };
    }),

    getPaymentOptions: unary(observers, 'GetPaymentOptions', async (caller, request) => {
      const problems = new Problems();
      problems.requireUuid(request.customer_id, 'customer_id');
      if (request.device_id !== '') problems.requireUuid(request.device_id, 'device_id');
      problems.throwIfAny();
      const options = await services.getPaymentOptions(caller, {
        customer_id: request.customer_id.toLowerCase(),
        device_id: request.device_id.toLowerCase() || undefined,
      });
      return toMessage(GetPaymentOptionsResponse, options);
    }),

    getVerifiedAddresses: unary(observers, 'GetVerifiedAddresses', async (caller, request) => {
      const problems = new Problems();
      problems.requireUuid(request.customer_id, 'customer_id');
      problems.throwIfAny();
      const customer_id = request.customer_id.toLowerCase();
      const addresses = await services.getVerifiedAddresses(caller, { customer_id });
      return toMessage(GetVerifiedAddressesResponse, addresses);
    }),

    // The service validates the request, as for every interface.
    markPaymentMethodInactive: unary(observers, 'MarkPaymentMethodInactive', async (caller, request) => {
      const marked = await services.markPaymentMethodInactive(caller, toJson(request));
      return toMessage(MarkPaymentMethodInactiveResponse, marked);
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
      return toMessage(UpdateDeviceTrustScoreResponse, updated);
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

    eraseCustomer: unary(observers, 'EraseCustomer', async (caller, request) => {
      const problems = new Problems();
      problems.requireUuid(request.customer_id, 'customer_id');
      problems.throwIfAny();
      return services.eraseCustomer(caller, { customer_id: request.customer_id.toLowerCase() });
    }),

    exportCustomer: serverStream(
      observers,
      'ExportCustomer',
      async function* (caller, request) {
        const problems = new Problems();
        problems.requireUuid(request.customer_id, 'customer_id');
        problems.throwIfAny();
        const customer_id = request.customer_id.toLowerCase();
        const { parts } = await services.exportCustomer(caller, { customer_id });
        for await (const part of parts) {
          const bytes = Buffer.from(part);
          for (let at = 0; at < bytes.length; at += MAX_CHUNK)
            yield { chunk: bytes.subarray(at, at + MAX_CHUNK) };
        }
      },
      MAX_EXPORT_MS,
    ),

    getRecovery: unary(observers, 'GetRecovery', async (caller, request) => {
      const problems = new Problems();
      problems.require(request.payment_id !== '', 'payment_id', 'is required');
      problems.throwIfAny();
      const recovery = await services.getRecovery(caller, { payment_id: request.payment_id });
      return toMessage(GetRecoveryResponse, recovery);
    }),
  };
}

/** Bytes; clients refuse messages above 4 MB unless they are configured otherwise. */
const MAX_CHUNK = 256 * 1_024;
/** More would make a response that is slow to build for the others that the process serves. */
const MAX_BATCH = 100;

/** Problems are returned in trailers, which some clients limit to 8 KiB: only the first malformed ids are named. */
const MAX_NAMED_IDS = 10;

function requireUuids(ids: readonly string[], problems: Problems): void {
  const malformed = [...ids.entries()].filter(([, id]) => !isUuid(id));
  for (const [n, id] of malformed.slice(0, MAX_NAMED_IDS)) problems.requireUuid(id, `customer_ids[${n}]`);
}

function readConsistency(consistency: Consistency, problems: Problems): 'eventual' | 'strong' {
  problems.require(
    consistency !== Consistency.UNRECOGNIZED,
    'consistency',
    'must be CONSISTENCY_EVENTUAL or CONSISTENCY_STRONG',
  );
  return consistency === Consistency.CONSISTENCY_STRONG ? 'strong' : 'eventual';
}
