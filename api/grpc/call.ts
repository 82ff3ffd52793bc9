/** The caller, ids and metadata of a call. */

import type { ServerUnaryCall } from '@grpc/grpc-js';
import { PersonaError } from '../../domain/errors.ts';
import { EXTERNAL_ID, PAYMENT_ID, type TextRule } from '../../domain/validation.ts';
import type { Caller } from '../../services/caller.ts';
import { maySetLtvAndSegment } from '../access/identity.ts';
import { identityOf } from './identities.ts';
import { isUuid } from './mapping.ts';
import { MAX_WAIT_MS, readIdempotencyKey, type RequestIds, type RequestSubject } from '../requests.ts';

/** A call of any kind; its request is read by the handler. */
type Call = Omit<ServerUnaryCall<unknown, unknown>, 'request'>;

/** Ended calls also count as cancelled; with a shared reason, aborting does not create an error for each of them. */
const CALLER_GONE = new PersonaError('deadline_exceeded', 'the caller disconnected');

/**
 * The caller and its deadline.
 * @param maxWaitMs the latest deadline
 * @throws PersonaError invalid_argument (the key)
 */
export function callerOf(call: Call, ids: RequestIds, maxWaitMs = MAX_WAIT_MS): Caller {
  return new GrpcCaller(call, ids.correlationId, maxWaitMs);
}

class GrpcCaller implements Caller {
  readonly caller: string;
  readonly actor: string;
  readonly maySetLtvAndSegment: boolean;
  readonly correlationId: string;
  readonly idempotencyKey: string | undefined;
  readonly deadline: number;
  readonly #call: Call;
  #cancellation: AbortController | undefined;

  constructor(call: Call, correlationId: string, maxWaitMs: number) {
    const identity = identityOf(call);
    this.caller = identity.name;
    this.actor = identity.name;
    this.maySetLtvAndSegment = maySetLtvAndSegment(identity);
    this.correlationId = correlationId;
    this.idempotencyKey = readIdempotencyKey(metadataValue(call, 'idempotency-key'), 'idempotency-key');
    this.deadline = Math.min(deadlineOf(call), Date.now() + maxWaitMs);
    this.#call = call;
  }

  /** Created on demand, because most calls end without it. */
  get signal(): AbortSignal {
    this.#cancellation ??= cancellationOf(this.#call);
    return this.#cancellation.signal;
  }
}

/**
 * The ids that a request is logged by. It may not be valid yet: what has not the form of an id, such as an e-mail address
 * in its place, is not logged.
 */
export function subjectOf(request: object): RequestSubject {
  const { customer_id, transaction_id, payment_id, device_id } = request as RequestSubject;
  // Absent fields are empty strings here.
  return {
    customer_id: isUuid(customer_id ?? '') ? customer_id : undefined,
    transaction_id: idInForm(transaction_id, EXTERNAL_ID),
    payment_id: idInForm(payment_id, PAYMENT_ID),
    device_id: isUuid(device_id ?? '') ? device_id : undefined,
  };
}

function idInForm(id: string | undefined, { max, pattern }: TextRule): string | undefined {
  return id && id.length <= max && pattern?.test(id) ? id : undefined;
}

function cancellationOf(call: Call): AbortController {
  const cancellation = new AbortController();
  if (call.cancelled) cancellation.abort(CALLER_GONE);
  else call.on('cancelled', () => cancellation.abort(CALLER_GONE));
  return cancellation;
}

/** Epoch milliseconds; infinite if the caller set none. */
export function deadlineOf(call: Call): number {
  const deadline = call.getDeadline();
  return deadline instanceof Date ? deadline.getTime() : deadline;
}

/** A metadata entry. */
export function metadataValue(call: Call, name: string): string | undefined {
  const [value] = call.metadata.get(name);
  return typeof value === 'string' ? value : undefined;
}
