/**
 * The one catalogue of what can go wrong. Every error that leaves a command, an activity or an edge has a type
 * from here; REST and gRPC map it by these two columns, Temporal retries it by the first.
 */

/** Canonical gRPC status codes, by number, so that the pure core needs no gRPC library. */
export const GrpcCode = {
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

interface ErrorRow {
  /** May the same request succeed later, unchanged? Temporal retries an activity by this. */
  readonly retryable: boolean;
  readonly http: number;
  readonly grpc: number;
  /** RFC 9457 `title`: the same for every error of the type. */
  readonly title: string;
}

export const ERRORS = {
  malformed_request: errorRow(false, 400, GrpcCode.INVALID_ARGUMENT, 'The request cannot be read'),
  signature_refused: errorRow(
    false,
    400,
    GrpcCode.INVALID_ARGUMENT,
    'The signature does not prove the sender',
  ),
  idempotency_key_required: errorRow(false, 400, GrpcCode.INVALID_ARGUMENT, 'An Idempotency-Key is required'),
  invalid_argument: errorRow(false, 422, GrpcCode.INVALID_ARGUMENT, 'The request breaks a rule'),
  card_number_refused: errorRow(
    false,
    422,
    GrpcCode.INVALID_ARGUMENT,
    'Full card numbers are never accepted',
  ),
  not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'There is nothing at this address'),
  method_not_allowed: errorRow(false, 405, GrpcCode.UNIMPLEMENTED, 'This address does not take that method'),
  unsupported_media_type: errorRow(
    false,
    415,
    GrpcCode.INVALID_ARGUMENT,
    'The content type is not supported',
  ),
  payload_too_large: errorRow(false, 413, GrpcCode.RESOURCE_EXHAUSTED, 'The body is larger than 64 KiB'),
  rate_limited: errorRow(true, 429, GrpcCode.RESOURCE_EXHAUSTED, 'More requests than this caller may send'),
  customer_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such customer'),
  payment_method_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such payment method'),
  device_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such device'),
  address_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such address'),
  identifier_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such digital identifier'),
  relationship_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such relationship'),
  recovery_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such recovery'),
  fraud_case_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such fraud case'),
  customer_suspended: errorRow(false, 403, GrpcCode.FAILED_PRECONDITION, 'The customer is suspended'),
  token_belongs_to_other_customer: errorRow(
    false,
    409,
    GrpcCode.FAILED_PRECONDITION,
    'Another customer holds this payment method',
  ),
  identifier_belongs_to_other_customer: errorRow(
    false,
    409,
    GrpcCode.FAILED_PRECONDITION,
    'Another customer has this digital identifier',
  ),
  customer_exists: errorRow(false, 409, GrpcCode.FAILED_PRECONDITION, 'A customer with this id exists'),
  idempotency_key_reused: errorRow(
    false,
    422,
    GrpcCode.FAILED_PRECONDITION,
    'This idempotency key was used with another body',
  ),
  illegal_transition: errorRow(false, 409, GrpcCode.FAILED_PRECONDITION, 'The status cannot change that way'),
  obligation_mismatch: errorRow(
    false,
    409,
    GrpcCode.FAILED_PRECONDITION,
    'The payment is known with another amount or currency',
  ),
  payment_method_declined: errorRow(
    false,
    422,
    GrpcCode.FAILED_PRECONDITION,
    'The gateway refused the payment method',
  ),
  charge_in_doubt: errorRow(true, 409, GrpcCode.ABORTED, 'Nobody knows yet what became of a charge'),
  version_required: errorRow(
    false,
    428,
    GrpcCode.FAILED_PRECONDITION,
    'Say which version of the resource is to change',
  ),
  stale_event: errorRow(
    false,
    422,
    GrpcCode.FAILED_PRECONDITION,
    'It happened longer ago than anything is remembered',
  ),
  stale_version: errorRow(false, 412, GrpcCode.ABORTED, 'The resource has changed meanwhile'),
  version_not_visible: errorRow(
    true,
    503,
    GrpcCode.FAILED_PRECONDITION,
    'The requested version is not visible yet',
  ),
  deadline_exceeded: errorRow(true, 504, GrpcCode.DEADLINE_EXCEEDED, 'The deadline passed first'),
  graph_not_empty: errorRow(false, 409, GrpcCode.FAILED_PRECONDITION, 'The graph to fill is not empty'),
  graph_unavailable: errorRow(true, 503, GrpcCode.UNAVAILABLE, 'The identity graph cannot be reached'),
  key_unavailable: errorRow(true, 503, GrpcCode.UNAVAILABLE, 'A key that opens stored data is missing'),
  temporal_unavailable: errorRow(true, 503, GrpcCode.UNAVAILABLE, 'Temporal cannot be reached'),
  gateway_unavailable: errorRow(true, 503, GrpcCode.UNAVAILABLE, 'The payment gateway cannot be reached'),
  gateway_misconfigured: errorRow(
    false,
    500,
    GrpcCode.INTERNAL,
    'The payment gateway refuses our configuration',
  ),
  chimera_unavailable: errorRow(true, 503, GrpcCode.UNAVAILABLE, 'Chimera cannot be reached'),
  notifier_unavailable: errorRow(true, 503, GrpcCode.UNAVAILABLE, 'The notifier cannot be reached'),
  notice_refused: errorRow(false, 502, GrpcCode.INTERNAL, 'The notifier refused the notice'),
  notice_in_doubt: errorRow(false, 502, GrpcCode.INTERNAL, 'Nobody knows whether the notice was taken'),
  internal: errorRow(false, 500, GrpcCode.INTERNAL, 'Something went wrong on our side'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorType = keyof typeof ERRORS;

/** One broken rule of the input: a JSON-style path (`digital_identifiers[0].value`) and the rule it breaks. */
export interface FieldProblem {
  readonly field: string;
  readonly message: string;
}

export class PersonaError extends Error {
  readonly type: ErrorType;
  /** Every problem of the input at once; empty unless the input is at fault. */
  readonly problems: readonly FieldProblem[];
  /** After how many milliseconds the other side asks to be asked again. */
  readonly retryAfterMs?: number;

  constructor(
    type: ErrorType,
    message: string,
    options: { problems?: readonly FieldProblem[]; cause?: unknown; retryAfterMs?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PersonaError';
    this.type = type;
    this.problems = options.problems ?? [];
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }
}

/** The error for input that breaks rules; its message names every field. */
export function validationError(
  problems: readonly FieldProblem[],
  type: ErrorType = 'invalid_argument',
): PersonaError {
  const text = problems.map(({ field, message }) => `${field || 'the request'}: ${message}`).join('; ');
  return new PersonaError(type, text, { problems });
}

/**
 * The options of the Temporal failure that carries this error: plain data, so that workflows and activities build
 * the same one, and a client finds type and problems again.
 */
export function failureOptions(error: PersonaError): {
  type: ErrorType;
  message: string;
  nonRetryable: boolean;
  details: [readonly FieldProblem[]];
} {
  return {
    type: error.type,
    message: error.message,
    nonRetryable: !ERRORS[error.type].retryable,
    details: [error.problems],
  };
}

export function isErrorType(type: string | null | undefined): type is ErrorType {
  return type != null && Object.hasOwn(ERRORS, type);
}

function errorRow(retryable: boolean, http: number, grpc: number, title: string): ErrorRow {
  return { retryable, http, grpc, title };
}
