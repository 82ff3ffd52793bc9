/** The header of a command that a request runs directly, without a workflow. */

import { randomUUID } from 'node:crypto';
import { PersonaError } from '../domain/errors.ts';
import { type CommandHeader, type Graph, requestHash } from '../graph/index.ts';
import type { Caller } from './caller.ts';

/**
 * For a change that happens now; without a key a repeat could not be distinguished from a second change.
 * @throws PersonaError idempotency_key_required
 */
export function requestHeader({ caller, actor, correlationId, idempotencyKey }: Caller): CommandHeader {
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

/** A change of one version of a resource. */
export interface VersionedChange {
  /** The resource's id. */
  id: string;
  /** The `changed_seq` that the caller has read; absent: any. */
  expected_version?: number;
  change: unknown;
}

/**
 * The caller's key, or that of a request without one: the same change of the same version is the same request; without
 * a version each request is a new one. A derived key contains spaces, which callers' keys cannot. The change is hashed
 * with a key, because it may hold personal data.
 */
export function versionedKey(
  graph: Pick<Graph, 'blindIndex'>,
  { idempotencyKey }: Caller,
  { id, expected_version, change }: VersionedChange,
): string {
  if (idempotencyKey !== undefined) return idempotencyKey;
  // Not the correlation id: callers choose it, and may send it with several requests.
  if (expected_version === undefined) return `request ${randomUUID()}`;
  return `version ${id} ${expected_version} ${requestHash(graph, change)}`;
}

/** As `requestHeader`, with the key of `versionedKey`. */
export function versionedHeader(
  graph: Pick<Graph, 'blindIndex'>,
  caller: Caller,
  change: VersionedChange,
): CommandHeader {
  return requestHeader({ ...caller, idempotencyKey: versionedKey(graph, caller, change) });
}
