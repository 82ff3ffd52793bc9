import { PersonaError } from '../domain/errors.ts';
import type { CommandHeader } from '../graph/index.ts';
import type { Caller } from './caller.ts';

/**
 * For a change that happens now; without a key a repeat could not be distinguished from a second change.
 *
 * @throws PersonaError idempotency_key_required
 */
export function headerOf({ caller, actor, correlationId, idempotencyKey }: Caller): CommandHeader {
  if (idempotencyKey === undefined)
    throw new PersonaError('idempotency_key_required', 'this change requires an idempotency-key');
  return {
    caller,
    actor,
    correlationId,
    idempotencyKey,
    isHeaderKey: true,
    occurredAt: new Date().toISOString(),
  };
}
