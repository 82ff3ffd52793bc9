/** How a method is found by its token. */

import { isTestMethod } from '../../domain/payment-method.ts';
import type { BlindIndex } from '../../security/blind-index.ts';

/** The hashes under which a token's holder is found; none for a test method, which many customers may use. */
export function tokenHashes(blindIndex: BlindIndex, token: string): string[] {
  return isTestMethod(token) ? [] : blindIndex.hashes('token', token);
}

/** The value to hash for a method's token, so that two methods never have the same hash. */
export function tokenKey(token: string, paymentMethodId: string): string {
  return isTestMethod(token) ? `${token} ${paymentMethodId}` : token;
}
