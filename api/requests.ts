/** What both faces do with every request: find out who asks, and tell log and metrics how it went. */

import { randomUUID } from 'node:crypto';
import { ERRORS, PersonaError } from '../domain/errors.ts';
import type { Logger } from '../platform/logs.ts';
import type { Metrics } from '../platform/metrics.ts';

/** Longest wait for an answer, whatever deadline a caller sets. */
export const MAX_WAIT_MS = 30_000;

/** Ids that others choose go into logs and headers, so they must be plain. */
const PLAIN_ID = /^[\w.=:-]{1,128}$/;
const TRACE_PARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;

export interface Observers {
  logger: Logger;
  metrics: Metrics;
}

export interface RequestIds {
  requestId: string;
  /** Runs through every process that the request sets off. */
  correlationId: string;
  /** W3C trace context: the caller's trace, with this request as its newest span. */
  traceparent: string;
}

/** @param header reads a header or metadata entry */
export function requestIds(header: (name: string) => string | undefined): RequestIds {
  const given = (name: string) => header(name)?.match(PLAIN_ID)?.[0];
  const requestId = given('x-request-id') ?? randomUUID();
  const [, trace, flags] = header('traceparent')?.match(TRACE_PARENT) ?? [];
  const span = randomHex(16);
  return {
    requestId,
    correlationId: given('x-correlation-id') ?? requestId,
    traceparent: `00-${trace ?? randomHex(32)}-${span}-${flags ?? '00'}`,
  };
}

/** An error of the catalogue, whatever was thrown. */
export function asPersonaError(error: unknown): PersonaError {
  if (error instanceof PersonaError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new PersonaError('internal', message, { cause: error });
}

/** One line and one measurement per request. `code` is the status as the face writes it. */
export function observe(
  { logger, metrics }: Observers,
  request: {
    face: 'http' | 'grpc';
    operation: string;
    ids: RequestIds;
    code: string;
    startedAt: number;
    error?: PersonaError;
  },
): void {
  const { face, operation, ids, code, startedAt, error } = request;
  const seconds = (performance.now() - startedAt) / 1_000;
  metrics.requestDuration.observe({ face, operation, code }, seconds);
  const line = {
    request_id: ids.requestId,
    correlation_id: ids.correlationId,
    trace_id: ids.traceparent.split('-')[1],
    face,
    operation,
    code,
    duration_ms: Math.round(seconds * 1_000),
    ...(error && { error_type: error.type }),
  };
  if (error && ERRORS[error.type].http >= 500) logger.error({ ...line, err: error }, 'request failed');
  else logger.info(line, 'request');
}

function randomHex(digits: number): string {
  return randomUUID().replaceAll('-', '').slice(0, digits);
}
