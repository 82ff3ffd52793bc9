/** How this process learns who calls: by tokens and certificates, or, with PERSONA_INSECURE, by the entrance alone. */

import { identityOfCertificate } from './certificates.ts';
import { ALL_GRANTS, customerIdentity, type Identity } from './identity.ts';
import {
  bearerToken,
  createTokenVerifier,
  type TokenIssuer,
  unauthenticated,
  type VerificationObserver,
} from './tokens.ts';

/** Each @throws PersonaError unauthenticated, issuer_unavailable */
export interface Authentication {
  /** @param customerId the customer of the path, in lower case */
  rest(authorization: string | undefined, customerId: string | undefined): Identity | Promise<Identity>;
  /** @param subjectAltName of the verified client certificate, if there is one. A token takes precedence. */
  rpc(authorization: string | undefined, subjectAltName: string | undefined): Identity | Promise<Identity>;
  close(): void;
}

/** @param observer as in `createTokenVerifier` */
export function createAuthentication(issuer: TokenIssuer, observer: VerificationObserver): Authentication {
  const tokens = createTokenVerifier(issuer, observer);
  return {
    rest(authorization) {
      if (authorization === undefined) throw unauthenticated('an access token is required');
      return tokens.verify(bearerToken(authorization));
    },
    rpc(authorization, subjectAltName) {
      if (authorization !== undefined) return tokens.verify(bearerToken(authorization));
      if (subjectAltName === undefined)
        throw unauthenticated('a client certificate or an access token is required');
      return identityOfCertificate(subjectAltName);
    },
    close: () => tokens.close(),
  };
}

const ANY_SERVICE: Identity = { name: 'service', grants: ALL_GRANTS };

/**
 * Below `/customers/{customer_id}/` the caller is that customer, signed in; everyone else is a service with every role.
 * For this machine only.
 */
export const insecureAuthentication: Authentication = {
  rest: (_, customerId) =>
    customerId === undefined ? ANY_SERVICE : customerIdentity(customerId, ALL_GRANTS),
  rpc: () => ANY_SERVICE,
  close() {},
};
