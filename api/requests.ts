/** Common to REST and gRPC: the ids, the idempotency key, and the log and metrics of every request. */

import { randomUUID } from 'node:crypto';
import type { Disclose } from '../domain/disclosures/disclosed.ts';
import { ERRORS, validationError, PersonaError } from '../domain/errors.ts';
import { createLineWriter, type WriteLine } from '../platform/log-lines.ts';
import type { Logger } from '../platform/logs.ts';
import type { Metrics } from '../platform/metrics.ts';
import { createDisclosing, type Disclosing } from './access/disclosing.ts';
import { enter, type EntranceSpan, SpanKind } from '../platform/tracing.ts';

/** The maximum time to a response, regardless of the caller's deadline. */
export const MAX_WAIT_MS = 30_000;

/** Ids chosen by callers go into logs and headers, so their format is restricted. */
const PLAIN_ID = /^[\w.=:-]{1,128}$/;
/** Stricter than RFC 9110: a key is an id. */
export const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;
const TRACE_PARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;

const LOG_FIELDS = [
  'request_id',
  'correlation_id',
  'trace_id',
  'face',
  'operation',
  'code',
  'duration_ms',
  'error_type',
  'customer_id',
  'transaction_id',
  'payment_id',
  'device_id',
  'workflow_id',
] as const;

export interface Observers {
  logger: Logger;
  metrics: Metrics;
  /** Writes the line of a request, except for requests that failed with a fault of the server. */
  logRequest: WriteLine<(typeof LOG_FIELDS)[number]>;
  /** Notes to whom a request has given out whose data. */
  disclosing: Disclosing;
}

export function createObservers(logger: Logger, metrics: Metrics, disclose: Disclose): Observers {
  const logRequest = createLineWriter(logger, 'request', LOG_FIELDS);
  return { logger, metrics, logRequest, disclosing: createDisclosing(disclose) };
}

export interface RequestIds {
  requestId: string;
  /** Passed on to every process that the request starts. */
  correlationId: string;
  /** The trace that the request is a part of: the caller's (W3C trace context), or a sampled one that begins here. */
  trace?: { id: string; flags: string };
  /** Absent: nothing is traced. */
  span?: EntranceSpan;
}

const SAMPLED = '01';

/**
 * @param operation names the request's span until a better name is known
 * @param header reads a header or metadata entry
 */
export function requestIds(operation: string, header: (name: string) => string | undefined): RequestIds {
  const plainIdFrom = (name: string) => {
    const id = header(name);
    return id !== undefined && PLAIN_ID.test(id) ? id : undefined;
  };
  const requestId = plainIdFrom('x-request-id') ?? randomUUID();
  const parent = header('traceparent')?.match(TRACE_PARENT);
  const span = enter(operation, SpanKind.SERVER, parent?.[0]);
  const [id, flags] = span?.isSampled ? [span.traceId, SAMPLED] : (parent?.slice(1) ?? []);
  return {
    requestId,
    correlationId: plainIdFrom('x-correlation-id') ?? requestId,
    ...(id !== undefined && flags !== undefined && { trace: { id, flags } }),
    ...(span && { span }),
  };
}

/**
 * The key unchanged, if it is valid.
 *
 * @param name of the header or metadata entry
 * @throws PersonaError invalid_argument
 */
export function readIdempotencyKey(key: string | undefined, name: string): string | undefined {
  if (key === undefined || IDEMPOTENCY_KEY.test(key)) return key;
  throw validationError([
    { field: name, message: 'must be 1 to 255 printable ASCII characters without spaces' },
  ]);
}

/** Converts anything thrown to an error of the catalogue. */
export function asPersonaError(error: unknown): PersonaError {
  if (error instanceof PersonaError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new PersonaError('internal', message, { cause: error });
}

/** The subjects of a request: the ids by which its log line is found. */
export interface RequestSubject {
  customer_id?: string;
  transaction_id?: string;
  payment_id?: string;
  device_id?: string;
  workflow_id?: string;
}

/** The outcome of a request. `code` is the HTTP or gRPC status. */
export interface RequestOutcome {
  ids: RequestIds;
  code: string;
  /** From `performance.now()`. */
  startedAt: number;
  about?: RequestSubject;
  error?: PersonaError;
}

/** One log line and one measurement per request. @param operation a route or RPC */
export function recordRequest(
  { logger, metrics, logRequest }: Observers,
  face: 'http' | 'grpc',
  operation: string,
  { ids, code, startedAt, about, error }: RequestOutcome,
): void {
  const seconds = (performance.now() - startedAt) / 1_000;
  metrics.requestDuration.observe({ face, operation, code }, seconds);
  ids.span?.end(spanAttributes(face, operation, code, ids), { name: operation, failure: error });
  const line = {
    request_id: ids.requestId,
    correlation_id: ids.correlationId,
    trace_id: ids.trace?.id,
    face,
    operation,
    code,
    duration_ms: Math.round(seconds * 1_000),
    error_type: error?.type,
    customer_id: about?.customer_id,
    transaction_id: about?.transaction_id,
    payment_id: about?.payment_id,
    device_id: about?.device_id,
    workflow_id: about?.workflow_id,
  };
  // A refusal that says when to come back was not tried: under load it must cost little, and its cause is logged once.
  const isFault = error && ERRORS[error.type].http >= 500 && error.retryAfterMs === undefined;
  if (isFault) logger.error({ ...line, err: error }, 'request failed');
  else logRequest(line);
}

/** The names of OpenTelemetry's conventions. */
function spanAttributes(face: 'http' | 'grpc', operation: string, code: string, ids: RequestIds) {
  const [method = '', route = ''] = operation.split(' ');
  return {
    ...(face === 'http'
      ? { 'http.request.method': method, 'http.route': route, 'http.response.status_code': Number(code) }
      : { 'rpc.system': 'grpc', 'rpc.method': operation, 'rpc.grpc.status_code': code }),
    'persona.correlation_id': ids.correlationId,
  };
}
