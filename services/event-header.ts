import { validationError } from '../domain/errors.ts';
import type { Policy } from '../domain/policy.ts';
import { isBeyondRetention, staleEventError } from '../domain/retention.ts';
import type { CommandHeader } from '../graph/index.ts';
import { CLOCK_SKEW_MS } from '../graph/recovery/index.ts';
import { BUSINESS_EVENTS, type Caller } from './caller.ts';

/** An event that another agent reports. */
export interface ReportedEvent {
  /** The scope of its id, such as `fraud-outcome`. */
  scope: string;
  event_id: string;
  /** The field with its time, and the time, RFC 3339. */
  occurred: { field: string; at: string };
}

/**
 * The header of a command that applies another agent's event: the event's id is the idempotency key.
 * @throws PersonaError invalid_argument (a time in the future), stale_event (a repetition could not be detected)
 */
export function eventHeader(
  policy: Policy,
  { actor, correlationId }: Pick<Caller, 'actor' | 'correlationId'>,
  { scope, event_id, occurred }: ReportedEvent,
): CommandHeader {
  if (Date.parse(occurred.at) > Date.now() + CLOCK_SKEW_MS)
    throw validationError([{ field: occurred.field, message: 'must not be in the future' }]);
  if (isBeyondRetention(occurred.at, Date.now(), policy)) throw staleEventError(occurred.field);
  const idempotencyKey = `${scope}:${event_id}`;
  return { caller: BUSINESS_EVENTS, idempotencyKey, actor, correlationId, occurredAt: occurred.at };
}
