/** Under which name a request counts for the rate windows and the load limit. */
export interface CountedCaller {
  readonly kind: 'customer' | 'service' | 'webhook' | 'unauthenticated';
  /** Unique in its kind: the customer's id, the service, the gateway, or an address. */
  readonly name: string;
}

export const STRIPE: CountedCaller = { kind: 'webhook', name: 'stripe' };
