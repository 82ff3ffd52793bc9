/** gRPC errors: a canonical code, and `google.rpc.Status` with the details in the trailers. */

import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { ERRORS, type PersonaError } from '../../domain/errors.ts';
import type { Any } from '../../proto/gen/google/protobuf/any.ts';
import { BadRequest, ErrorInfo, RetryInfo } from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';

const DETAILS_KEY = 'grpc-status-details-bin';
/** The recommended delay before a retry, if the error has none of its own; servers seldom recover faster. */
const RETRY_AFTER_MS = 1_000;

/** @param trailers sent with the error, after the details were added */
export function toServiceError(error: PersonaError, trailers: Metadata): ServiceError {
  const { grpc: code, title, retryable } = ERRORS[error.type];
  // Internal details are for the log only.
  const message = error.type === 'internal' ? title : error.message;
  const details: Any[] = [
    any('ErrorInfo', ErrorInfo.encode({ reason: error.type, domain: 'persona', metadata: {} }).finish()),
  ];
  if (error.problems.length > 0) {
    const field_violations = error.problems.map(({ field, message: description }) => ({
      field,
      description,
      reason: error.type,
      localized_message: undefined,
    }));
    details.push(any('BadRequest', BadRequest.encode({ field_violations }).finish()));
  }
  if (retryable) {
    const delayMs = Math.ceil(error.retryAfterMs ?? RETRY_AFTER_MS);
    const retry_delay = {
      seconds: BigInt(Math.floor(delayMs / 1_000)),
      nanos: (delayMs % 1_000) * 1_000_000,
    };
    details.push(any('RetryInfo', RetryInfo.encode({ retry_delay }).finish()));
  }
  trailers.set(DETAILS_KEY, Buffer.from(Status.encode({ code, message, details }).finish()));
  return Object.assign(new Error(message), { code, details: message, metadata: trailers });
}

function any(name: string, value: Uint8Array): Any {
  return { type_url: `type.googleapis.com/google.rpc.${name}`, value: Buffer.from(value) };
}
