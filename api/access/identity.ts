/** Who calls, and what follows from it. */

import { PersonaError } from '../../domain/errors.ts';
import type { CountedCaller } from '../counted-caller.ts';

import { type Grant, NARROW_SCOPES, PUBLIC, ROUTES, RPCS, SERVICE_ROLES } from './grants.ts';

export interface Identity {
  /** Scopes idempotency keys, and is the actor of events. */
  readonly name: 'service' | `service:${string}` | `agent:${string}` | `customer:${string}`;
  /** The customer who calls; absent for a service. */
  readonly customerId?: string;
  readonly grants: ReadonlySet<Grant>;
}

const SELF: ReadonlySet<Grant> = new Set<Grant>(['self']);

export function customerIdentity(customerId: string, grants: ReadonlySet<Grant> = SELF): Identity {
  return { name: `customer:${customerId}`, customerId, grants };
}

/** What callers may do who are not authenticated: everything. */
export const ALL_GRANTS: ReadonlySet<Grant> = new Set<Grant>(['self', ...SERVICE_ROLES, ...NARROW_SCOPES]);

/** The gateway, by the signature of its webhooks. */
export const GATEWAY: Identity = { name: 'service', grants: new Set() };

/** The caller as the limits count it. */
export function countedCallerOf({ name, customerId }: Identity): CountedCaller {
  return customerId === undefined ? { kind: 'service', name } : { kind: 'customer', name: customerId };
}

/** Whether the caller may set a customer's `ltv` and `segment` in an onboarding. */
export function maySetLtvAndSegment({ grants }: Identity): boolean {
  return grants.has('ops') || grants.has('oracle');
}

export function isPublicRoute(route: string): boolean {
  return ROUTES[route] === PUBLIC;
}

/**
 * @param route method and path, as in the OpenAPI document
 * @param pathCustomerId the customer of the path, in lower case
 * @throws PersonaError permission_denied to a service; not_found to a customer, so that ids cannot be probed
 */
export function authoriseRoute(identity: Identity, route: string, pathCustomerId?: string): void {
  const row = ROUTES[route];
  const isAllowed = row === PUBLIC || row?.some((grant) => identity.grants.has(grant));
  if (identity.customerId === undefined) {
    if (!isAllowed) throw denied(identity, route);
  } else if (!isAllowed || pathCustomerId !== identity.customerId) {
    throw new PersonaError('not_found', 'There is no such resource');
  }
}

/** @param rpc its name @throws PersonaError permission_denied */
export function authoriseRpc(identity: Identity, rpc: string): void {
  if (!RPCS[rpc]?.some((grant) => identity.grants.has(grant))) throw denied(identity, rpc);
}

/** Reading what Temporal's payloads contain, of any customer. @throws PersonaError permission_denied */
export function authoriseDecoding(identity: Identity): void {
  if (identity.customerId !== undefined || !identity.grants.has('ops'))
    throw denied(identity, 'the codec server');
}

function denied({ name }: Identity, what: string): PersonaError {
  return new PersonaError('permission_denied', `${name} may not call ${what}`);
}
