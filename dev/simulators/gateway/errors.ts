/** Stripe's error bodies, and the two ways in which a request ends without an ordinary response. */

export interface ErrorBody {
  type: 'invalid_request_error' | 'card_error' | 'idempotency_error' | 'api_error' | 'authentication_error';
  message: string;
  code?: string;
  param?: string;
  [field: string]: unknown;
}

/** A response with an error body. */
export class GatewayError extends Error {
  readonly status: number;
  readonly body: ErrorBody;
  /** Whether the endpoint had started to execute. Only then is the response stored under the idempotency key. */
  readonly executed: boolean;
  /** Runs after the response has been sent (webhooks). */
  readonly afterwards: (() => void) | undefined;

  constructor(
    status: number,
    body: ErrorBody,
    options: { executed?: boolean; afterwards?: () => void } = {},
  ) {
    super(body.message);
    this.status = status;
    this.body = body;
    this.executed = options.executed ?? true;
    this.afterwards = options.afterwards;
  }
}

/** The connection is closed without a response; nothing was executed or stored. */
export class ConnectionDropped extends Error {}

/** An invalid parameter: refused before anything is executed. */
export function invalidParameter(param: string, message: string, code?: string): GatewayError {
  const body: ErrorBody = { type: 'invalid_request_error', message, param };
  return new GatewayError(400, code === undefined ? body : { ...body, code }, { executed: false });
}

export function missingParameter(param: string): GatewayError {
  return invalidParameter(param, `Missing required param: ${param}.`, 'parameter_missing');
}

/** `status`: 404 if the id is in the path, 400 if it is a parameter. */
export function resourceMissing(kind: string, id: string, param: string, status: 400 | 404): GatewayError {
  return new GatewayError(status, {
    type: 'invalid_request_error',
    code: 'resource_missing',
    message: `No such ${kind}: '${id}'`,
    param,
  });
}
