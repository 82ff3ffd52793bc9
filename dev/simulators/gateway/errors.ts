/** Stripe's error bodies, and the two ways in which a request ends without an ordinary answer. */

export interface ErrorBody {
  type: 'invalid_request_error' | 'card_error' | 'idempotency_error' | 'api_error' | 'authentication_error';
  message: string;
  code?: string;
  param?: string;
  [field: string]: unknown;
}

/** An answer with an error body. */
export class GatewayError extends Error {
  readonly status: number;
  readonly body: ErrorBody;
  /** Had the endpoint begun to act? Only then is the answer kept under the idempotency key. */
  readonly executed: boolean;
  /** What happens once the answer is out (webhooks). */
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

/** The connection is cut and nobody gets an answer; nothing has happened and nothing is remembered. */
export class ConnectionDropped extends Error {}

/** A broken parameter: refused before anything happens. */
export function invalidParameter(param: string, message: string, code?: string): GatewayError {
  const body: ErrorBody = { type: 'invalid_request_error', message, param };
  return new GatewayError(400, code === undefined ? body : { ...body, code }, { executed: false });
}

export function missingParameter(param: string): GatewayError {
  return invalidParameter(param, `Missing required param: ${param}.`, 'parameter_missing');
}

/** `status`: 404 where the id is in the address, 400 where it is a parameter. */
export function resourceMissing(kind: string, id: string, param: string, status: 400 | 404): GatewayError {
  return new GatewayError(status, {
    type: 'invalid_request_error',
    code: 'resource_missing',
    message: `No such ${kind}: '${id}'`,
    param,
  });
}
