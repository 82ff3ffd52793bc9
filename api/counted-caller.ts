/** Under which name a request counts for the rate windows and the load limit. */
export interface CountedCaller {
  readonly kind: 'customer' | 'service' | 'webhook' | 'unauthenticated';
  /** Unique in its kind: the customer's id, the service, or the address of a webhook or of an unknown caller. */
  readonly name: string;
}
