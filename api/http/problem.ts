/** REST errors: RFC 9457 problem documents. */

import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { z } from 'zod';
import { ERRORS, type ErrorType, validationError, PersonaError } from '../../domain/errors.ts';
import { asPersonaError } from '../requests.ts';
import type { HttpEnv, ResponseHeaders } from './env.ts';
import { respond } from './respond.ts';

/** The recommended delay before a retry, if the error has none of its own. */
const RETRY_AFTER_MS = 1_000;
/** Errors of the catalogue for Hono's own refusals. */
const ERROR_BY_STATUS: Partial<Record<number, [type: ErrorType, message: string]>> = {
  400: ['malformed_request', 'The body is not valid JSON'],
  415: ['unsupported_media_type', 'The Content-Type must be application/json'],
  504: ['deadline_exceeded', 'No response before the deadline'],
};

/** The response for an error, which is also stored for the request's log line. @param headers as in `respond` */
export function problemResponse(c: Context<HttpEnv>, thrown: unknown, headers?: ResponseHeaders): Response {
  const error = fromThrown(thrown);
  c.set('error', error);
  const { http, retryable } = ERRORS[error.type];
  return respond(c, problemOf(error, c.get('ids').requestId), http as ContentfulStatusCode, {
    ...headers,
    'content-type': 'application/problem+json',
    ...(retryable && { 'retry-after': String(Math.ceil((error.retryAfterMs ?? RETRY_AFTER_MS) / 1_000)) }),
  });
}

/** The problem document of an error. */
export function problemOf(error: PersonaError, requestId: string) {
  const { http, title } = ERRORS[error.type];
  return {
    type: `urn:persona:error:${error.type}`,
    title,
    status: http,
    // Internal details are for the log only.
    detail: error.type === 'internal' ? title : error.message,
    instance: requestId,
    ...(error.problems.length > 0 && {
      errors: error.problems.map(({ field, message }) => ({ pointer: pointerTo(field), message })),
    }),
  };
}

/** Converts zod's issues to one error of the catalogue. */
export function fromZod(error: z.ZodError): PersonaError {
  const problems = error.issues.map((issue) => ({ field: fieldPath(issue.path), message: issue.message }));
  const typedIssue = error.issues.find(
    (issue) => issue.code === 'custom' && issue.params?.type !== undefined,
  );
  const type = typedIssue?.code === 'custom' ? (typedIssue.params?.type as ErrorType) : 'invalid_argument';
  return validationError(problems, type);
}

/** `a.b[0].c`, the format in which problems name their field. */
export function fieldPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

function fromThrown(thrown: unknown): PersonaError {
  if (!(thrown instanceof HTTPException)) return asPersonaError(thrown);
  const [type, message] = ERROR_BY_STATUS[thrown.status] ?? ['internal', thrown.message];
  return new PersonaError(type, message, { cause: thrown });
}

/** RFC 6901 in URI fragment form, as in RFC 9457: `#/a/b/0/c`. */
function pointerTo(field: string): string {
  const parts = field === '' ? [] : field.replaceAll(/\[(\d+)\]/g, '.$1').split('.');
  return ['#', ...parts.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1'))].join('/');
}
