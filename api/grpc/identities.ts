import type { Identity } from '../access/identity.ts';

/** Who made each call that is being processed. */
const identities = new WeakMap<object, Identity>();

export function setIdentity(call: object, identity: Identity): void {
  identities.set(call, identity);
}

/** @param call one that was admitted */
export function identityOf(call: object): Identity {
  const identity = identities.get(call);
  if (identity === undefined) throw new Error('the call was not admitted');
  return identity;
}
