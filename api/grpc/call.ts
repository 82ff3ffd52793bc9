/** What every call tells besides its request. */

import type { ServerUnaryCall } from '@grpc/grpc-js';
import { PersonaError } from '../../domain/errors.ts';
import type { Caller } from '../../services/caller.ts';
import { MAX_WAIT_MS, readIdempotencyKey, type RequestIds, type RequestSubject } from '../requests.ts';

/** A call of any kind: what it asks is its handler's matter. */
type Call = Omit<ServerUnaryCall<unknown, unknown>, 'request'>;

/** Whoever reaches a server without authentication is a service with every role. */
const CALLER = 'service';
/** Every call that has ended counts as cancelled afterwards: an abort without a reason would make a new error each time. */
const CALLER_GONE = new PersonaError('deadline_exceeded', 'the caller disconnected');

/** Who calls, and how long they wait. @throws PersonaError invalid_argument (the key) */
export function callerOf(call: Call, ids: RequestIds): Caller {
  return new GrpcCaller(call, ids.correlationId);
}

class GrpcCaller implements Caller {
  readonly caller = CALLER;
  readonly actor = CALLER;
  readonly correlationId: string;
  readonly idempotencyKey: string | undefined;
  readonly deadline: number;
  readonly #call: Call;
  #cancellation: AbortController | undefined;

  constructor(call: Call, correlationId: string) {
    this.correlationId = correlationId;
    this.idempotencyKey = readIdempotencyKey(metadataValue(call, 'idempotency-key'), 'idempotency-key');
    this.deadline = Math.min(deadlineOf(call), Date.now() + MAX_WAIT_MS);
    this.#call = call;
  }

  /** Most calls are answered before anybody could ask for it. */
  get signal(): AbortSignal {
    this.#cancellation ??= cancellationOf(this.#call);
    return this.#cancellation.signal;
  }
}

/** The ids that a request is logged by. */
export function subjectOf(request: object): RequestSubject {
  const { customer_id, transaction_id, payment_id, device_id } = request as RequestSubject;
  // What was not sent is empty here.
  return {
    customer_id: customer_id || undefined,
    transaction_id: transaction_id || undefined,
    payment_id: payment_id || undefined,
    device_id: device_id || undefined,
  };
}

function cancellationOf(call: Call): AbortController {
  const cancellation = new AbortController();
  if (call.cancelled) cancellation.abort(CALLER_GONE);
  else call.on('cancelled', () => cancellation.abort(CALLER_GONE));
  return cancellation;
}

/** Epoch milliseconds; infinite where the caller set none. */
export function deadlineOf(call: Call): number {
  const deadline = call.getDeadline();
  return deadline instanceof Date ? deadline.getTime() : deadline;
}

/** An entry of the metadata. */
export function metadataValue(call: Call, name: string): string | undefined {
  const [value] = call.metadata.get(name);
  return typeof value === 'string' ? value : undefined;
}
