import { randomUUID } from 'node:crypto';
import { type ServiceError, status } from '@grpc/grpc-js';
import { ERRORS, isErrorType } from '../../domain/errors.ts';
import { ErrorInfo } from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import {
  type GetCustomerContextResponse,
  PersonaAgentClient,
} from '../../proto/gen/persona/v1/persona_agent.ts';
import { Consistency } from '../../proto/gen/persona/v1/types.ts';
import type { CustomerContextView } from '../../services/views.ts';
import type { CommandResult } from '../command-result.ts';
import { grpcAccess } from '../access.ts';
import { type CliFailure, failureFromProblem, problemOf } from '../failure.ts';
import { unreachable } from '../rest.ts';
import type { Settings } from '../settings.ts';
import { fields, table, timeText } from '../tables.ts';

const DEADLINE_MS = 10_000;

/** The customer context that an agent gets before a payment, read from the graph and not from a cache. */
export async function showContext(settings: Settings, customerId: string): Promise<CommandResult> {
  const context = toView(await fetchContext(settings, customerId));
  const devices = context.trusted_devices.map(({ device_id, trust_score, last_login }) => [
    device_id,
    trust_score,
    timeText(last_login),
  ]);
  const text = [
    fields([
      ['customer', context.customer_id],
      ['status', context.status],
      ['segment', context.segment],
      ['VIP', context.is_vip],
      ['life-time value', `${context.ltv} ${context.ltv_currency}`],
      ['default payment method', context.default_payment_method_id],
      ['payment methods', context.payment_method_count],
      ['verified shipping addresses', context.verified_shipping_address_count],
      ['version', context.version],
      ['as of', timeText(context.as_of)],
    ]),
    '',
    table(['trusted device', 'score', 'last login (UTC)'], devices, 'No trusted device.'),
  ];
  return { document: context, text: text.join('\n') };
}

async function fetchContext(settings: Settings, customer_id: string): Promise<GetCustomerContextResponse> {
  const { credentials, options, metadata } = grpcAccess(settings);
  const client = new PersonaAgentClient(settings.grpc, credentials, options);
  const request = {
    customer_id,
    transaction_id: randomUUID(),
    consistency: Consistency.CONSISTENCY_STRONG,
    min_version: 0n,
  };
  try {
    return await new Promise((resolve, reject) => {
      const deadline = Date.now() + DEADLINE_MS;
      client.getCustomerContext(request, metadata, { deadline }, (error, response) =>
        error ? reject(toCliFailure(error, settings)) : resolve(response),
      );
    });
  } finally {
    client.close();
  }
}

/** The context with the names and types of the services and REST. */
function toView(
  response: GetCustomerContextResponse,
): Omit<CustomerContextView, 'status'> & { status: string } {
  // A strong read is never stale.
  const { default_payment_method_id, stale: _stale, ...rest } = response;
  return {
    ...rest,
    version: Number(response.version),
    ...(default_payment_method_id !== '' && { default_payment_method_id }),
    trusted_devices: response.trusted_devices.map(({ device_id, trust_score, last_login }) => ({
      device_id,
      trust_score,
      last_login: last_login?.toISOString() ?? '',
    })),
    as_of: response.as_of?.toISOString() ?? '',
  };
}

/** Persona names the error in the status details; without them the response is not Persona's. */
function toCliFailure(error: ServiceError, settings: Settings): CliFailure {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  const info = Buffer.isBuffer(bytes) ? Status.decode(bytes).details.find(isErrorInfo) : undefined;
  const reason = info && ErrorInfo.decode(info.value).reason;
  if (isErrorType(reason)) return failureFromProblem(problemOf(reason, error.details));
  if (error.code === status.UNAVAILABLE || error.code === status.DEADLINE_EXCEEDED)
    return unreachable(`${settings.grpc} (gRPC)`, settings, error.details);
  return failureFromProblem({ ...problemOf('internal', error.details), title: ERRORS.internal.title });
}

const isErrorInfo = ({ type_url }: { type_url: string }) => type_url.endsWith('/google.rpc.ErrorInfo');
