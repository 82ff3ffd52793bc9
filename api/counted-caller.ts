/**
 * Under which name a request counts for the rate windows and the load limit. Callers are not authenticated yet, so it
 * follows from the entrance (docs/reference/security.md, 'Who may call').
 */

export interface CountedCaller {
  readonly kind: 'customer' | 'service' | 'webhook' | 'unauthenticated';
  /** Unique in its kind: the customer's id, the service, the gateway, or an address. */
  readonly name: string;
}

/** The caller of every gRPC call. */
export const SERVICE: CountedCaller = { kind: 'service', name: 'service' };
const STRIPE: CountedCaller = { kind: 'webhook', name: 'stripe' };

const CUSTOMERS_PATH = /^\/api\/v1\/customers\/([^/]+)\//;
const WEBHOOKS_PATH = /^\/webhooks\//;

/** The caller of a REST request: below `/customers/{customer_id}/` that customer, everywhere else the service. */
export function countedCallerOf(path: string): CountedCaller {
  if (WEBHOOKS_PATH.test(path)) return STRIPE;
  const [, customerId] = CUSTOMERS_PATH.exec(path) ?? [];
  if (customerId === undefined) return SERVICE;
  return { kind: 'customer', name: decodePathPart(customerId).toLowerCase() };
}

function decodePathPart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
