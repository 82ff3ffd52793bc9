/**
 * The error catalogue. Every error that leaves a command, an activity or an edge has a type from here; REST and gRPC
 * map it by the `http` and `grpc` columns, Temporal retries it by `retryable`.
 */

/** Canonical gRPC status codes, as numbers so that the pure core needs no gRPC library. */
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
  /** Whether the same request may succeed later, unchanged. Temporal's activity retries follow this. */
  readonly retryable: boolean;
  readonly http: number;
  readonly grpc: number;
  /** RFC 9457 `title`: the same for every error of the type. */
  readonly title: string;
}

export const ERRORS = {
  malformed_request: errorRow(false, 400, GrpcCode.INVALID_ARGUMENT, 'The request is malformed'),
  signature_refused: errorRow(false, 400, GrpcCode.INVALID_ARGUMENT, 'The signature is invalid'),
  idempotency_key_required: errorRow(
    false,
    400,
    GrpcCode.INVALID_ARGUMENT,
    'The Idempotency-Key header is required',
  ),
  unauthenticated: errorRow(false, 401, GrpcCode.UNAUTHENTICATED, 'The caller is not authenticated'),
  permission_denied: errorRow(false, 403, GrpcCode.PERMISSION_DENIED, 'The caller may not do this'),
  issuer_unavailable: errorRow(true, 503, GrpcCode.UNAVAILABLE, 'The issuer of access tokens is unavailable'),
  invalid_argument: errorRow(false, 422, GrpcCode.INVALID_ARGUMENT, 'The request is invalid'),
  card_number_refused: errorRow(
    false,
    422,
    GrpcCode.INVALID_ARGUMENT,
    'Full card numbers are never accepted',
  ),
  not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such resource'),
  method_not_allowed: errorRow(
    false,
    405,
    GrpcCode.UNIMPLEMENTED,
    'The resource does not support this method',
  ),
  unsupported_media_type: errorRow(
    false,
    415,
    GrpcCode.INVALID_ARGUMENT,
    'The content type is not supported',
  ),
  payload_too_large: errorRow(false, 413, GrpcCode.RESOURCE_EXHAUSTED, 'The request body exceeds 64 KiB'),
  rate_limited: errorRow(true, 429, GrpcCode.RESOURCE_EXHAUSTED, 'The rate limit is exceeded'),
  overloaded: errorRow(true, 503, GrpcCode.UNAVAILABLE, 'Too many requests are in progress'),
  customer_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such customer'),
  payment_method_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such payment method'),
  device_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such device'),
  address_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such address'),
  identifier_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such digital identifier'),
  relationship_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such relationship'),
  event_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such event'),
  event_not_contestable: errorRow(
    false,
    422,
    GrpcCode.FAILED_PRECONDITION,
    'The event states no fact about the customer',
  ),
  contest_exists: errorRow(false, 409, GrpcCode.FAILED_PRECONDITION, 'The event is contested already'),
  contest_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such contest'),
  recovery_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such recovery'),
  fraud_case_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such fraud case'),
  persona_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such persona'),
  persona_version_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'The persona has no such version'),
  configuration_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such configuration'),
  persona_inactive: errorRow(false, 409, GrpcCode.FAILED_PRECONDITION, 'The persona is not active'),
  model_not_configured: errorRow(false, 503, GrpcCode.FAILED_PRECONDITION, 'No model is configured'),
  model_unavailable: errorRow(true, 503, GrpcCode.UNAVAILABLE, 'The model is unavailable'),
  erasure_not_found: errorRow(false, 404, GrpcCode.NOT_FOUND, 'No such erasure'),
  customer_suspended: errorRow(false, 403, GrpcCode.FAILED_PRECONDITION, 'The customer is suspended'),
  token_belongs_to_other_customer: errorRow(
    false,
    409,
    GrpcCode.FAILED_PRECONDITION,
    'The payment method belongs to another customer',
  ),
  identifier_belongs_to_other_customer: errorRow(
    false,
    409,
    GrpcCode.FAILED_PRECONDITION,
    'The digital identifier belongs to another customer',
  ),
  customer_exists: errorRow(
    false,
    409,
    GrpcCode.FAILED_PRECONDITION,
    'A customer with this id already exists',
  ),
  idempotency_key_reused: errorRow(
    false,
    422,
    GrpcCode.FAILED_PRECONDITION,
    'The idempotency key was used with a different request body',
  ),
  illegal_transition: errorRow(false, 409, GrpcCode.FAILED_PRECONDITION, 'This status change is not allowed'),
  obligation_mismatch: errorRow(
    false,
    409,
    GrpcCode.FAILED_PRECONDITION,
    'The payment is known with a different amount or currency',
  ),
  payment_method_declined: errorRow(
    false,
    422,
    GrpcCode.FAILED_PRECONDITION,
    'The gateway refused the payment method',
  ),
  charge_unresolved: errorRow(true, 409, GrpcCode.ABORTED, 'A charge is unresolved'),
  version_required: errorRow(
    false,
    428,
    GrpcCode.FAILED_PRECONDITION,
    'The expected version of the resource is required',
  ),
  stale_event: errorRow(
    false,
    422,
    GrpcCode.FAILED_PRECONDITION,
    'The event is older than the retention period',
  ),
  stale_version: errorRow(false, 412, GrpcCode.ABORTED, 'The resource has changed since that version'),
  version_not_visible: errorRow(
    true,
    503,
    GrpcCode.FAILED_PRECONDITION,
    'The requested version is not visible yet',
  ),
  deadline_exceeded: errorRow(true, 504, GrpcCode.DEADLINE_EXCEEDED, 'The deadline was exceeded'),
  graph_not_empty: errorRow(false, 409, GrpcCode.FAILED_PRECONDITION, 'The target graph is not empty'),
  log_unusable: errorRow(false, 409, GrpcCode.FAILED_PRECONDITION, 'The event log cannot be replayed'),
  graph_unavailable: errorRow(true, 503, GrpcCode.UNAVAILABLE, 'The identity graph is unavailable'),
  key_unavailable: errorRow(
    true,
    503,
    GrpcCode.UNAVAILABLE,
    'A decryption key for stored data is unavailable',
  ),
  temporal_unavailable: errorRow(true, 503, GrpcCode.UNAVAILABLE, 'Temporal is unavailable'),
  gateway_unavailable: errorRow(true, 503, GrpcCode.UNAVAILABLE, 'The payment gateway is unavailable'),
  gateway_misconfigured: errorRow(
    false,
    500,
    GrpcCode.INTERNAL,
    'The payment gateway rejects the configuration',
  ),
  chimera_unavailable: errorRow(true, 503, GrpcCode.UNAVAILABLE, 'Chimera is unavailable'),
  notifier_unavailable: errorRow(true, 503, GrpcCode.UNAVAILABLE, 'The notifier is unavailable'),
  notice_refused: errorRow(false, 502, GrpcCode.INTERNAL, 'The notifier refused the notice'),
  notice_unresolved: errorRow(false, 502, GrpcCode.INTERNAL, 'It is unknown whether the notice was accepted'),
  kafka_unavailable: errorRow(true, 503, GrpcCode.UNAVAILABLE, 'Kafka is unavailable'),
  schema_registry_unavailable: errorRow(
    true,
    503,
    GrpcCode.UNAVAILABLE,
    'The schema registry is unavailable',
  ),
  cache_unavailable: errorRow(true, 503, GrpcCode.UNAVAILABLE, 'Redis is unavailable'),
  erasure_not_configured: errorRow(false, 503, GrpcCode.FAILED_PRECONDITION, 'Erasure is not configured'),
  journal_unavailable: errorRow(true, 503, GrpcCode.UNAVAILABLE, 'The erasure journal is unavailable'),
  internal: errorRow(false, 500, GrpcCode.INTERNAL, 'Internal error'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorType = keyof typeof ERRORS;

/** One invalid field: its JSON-style path (`digital_identifiers[0].value`) and the rule it violates. */
export interface FieldProblem {
  readonly field: string;
  readonly message: string;
}

export class PersonaError extends Error {
  readonly type: ErrorType;
  /** All problems of the input; empty if the input is not the cause. */
  readonly problems: readonly FieldProblem[];
  /** The delay before a retry that the refusing side requests, in milliseconds. */
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

/** The error for invalid input; its message names every field. */
export function validationError(
  problems: readonly FieldProblem[],
  type: ErrorType = 'invalid_argument',
): PersonaError {
  const text = problems.map(({ field, message }) => `${field || 'the request'}: ${message}`).join('; ');
  return new PersonaError(type, text, { problems });
}

/**
 * The options of the Temporal failure that carries this error. Plain data, so that workflows and activities build the
 * same failure and a client can recover the type and the problems.
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
