/** How a method is found again by its token. */

import { isTestMethod } from '../../domain/payment-method.ts';
import type { BlindIndex } from '../../security/blind-index.ts';

/** Under which hashes the holder of a token is found; none: many may bring it, and nobody holds it. */
export function tokenHashes(blindIndex: BlindIndex, token: string): string[] {
  return isTestMethod(token) ? [] : blindIndex.hashes('token', token);
}

/** What of a method's token is hashed, so that two methods never have the same. */
export function tokenKey(token: string, paymentMethodId: string): string {
  return isTestMethod(token) ? `${token} ${paymentMethodId}` : token;
}
