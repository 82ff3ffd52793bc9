/** The Stripe client: where it speaks to, which version of the API, and what its faults are to Persona. */

import { Stripe } from 'stripe';
import { PersonaError } from '../../domain/errors.ts';

/**
 * The newest version of Stripe's API in which a request may say `payment_method_types`: from 2026-09-30 on that is a
 * 400 `payment_method_types_no_longer_supported`. The package's own version is newer.
 */
export const STRIPE_API_VERSION = '2026-08-26.dahlia';

/** Bound on everything but charges, whose caller sets it. */
const TIMEOUT_MS = 10_000;

/** The largest page of a list that Stripe gives. */
export const MAX_PAGE_SIZE = 100;

export interface StripeOptions {
  apiKey: string;
  /** A gateway that speaks Stripe's API elsewhere; default Stripe itself. */
  apiBase?: string;
  apiVersion?: string;
}

/** `httpClient` for charges only. No retries: Temporal repeats what may be repeated. */
export function stripeClient(options: StripeOptions, httpClient?: Stripe.HttpClient): Stripe {
  const base = options.apiBase === undefined ? undefined : new URL(options.apiBase);
  return new Stripe(options.apiKey, {
    // The type allows the package's own version alone.
    apiVersion: (options.apiVersion ?? STRIPE_API_VERSION) as typeof Stripe.API_VERSION,
    maxNetworkRetries: 0,
    timeout: TIMEOUT_MS,
    telemetry: false,
    ...(base && {
      host: base.hostname,
      port: base.port || (base.protocol === 'https:' ? 443 : 80),
      protocol: base.protocol === 'https:' ? 'https' : 'http',
    }),
    ...(httpClient && { httpClient }),
  });
}

/**
 * A failed request that was not a charge, as an error of the catalogue: out of reach, overloaded or at fault there
 * (worth another try) or refused for what we sent or who we are (not).
 */
export function gatewayFault(error: unknown, options: StripeOptions): PersonaError {
  if (!(error instanceof Stripe.errors.StripeError)) {
    return new PersonaError('internal', `The payment gateway's client failed: ${String(error)}`, {
      cause: error,
    });
  }
  const place = options.apiBase ?? 'https://api.stripe.com';
  const { statusCode } = error;
  if (statusCode === undefined || statusCode === 409 || statusCode === 429 || statusCode >= 500) {
    const message = `The payment gateway at ${place} does not answer as it should (${causeOf(error)}). STRIPE_API_BASE says where it is; 'npm start' runs one for development.`;
    return new PersonaError('gateway_unavailable', message, { cause: error, ...retryAfter(error) });
  }
  const about = error.param === undefined ? '' : `, parameter ${error.param}`;
  const message = `The payment gateway at ${place} refuses our request with ${statusCode}${about}: ${error.message}`;
  return new PersonaError('gateway_misconfigured', message, { cause: error });
}

/**
 * What a request that reads one object gives; `undefined`: there is none.
 * @throws gateway_unavailable, gateway_misconfigured
 */
export async function undefinedIfMissing<T>(
  read: Promise<T>,
  options: StripeOptions,
): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeInvalidRequestError && error.statusCode === 404) {
      return undefined;
    }
    throw gatewayFault(error, options);
  }
}

/** Stripe says in seconds when a request that came too soon may come again. */
function retryAfter({ headers }: Stripe.errors.StripeError): { retryAfterMs?: number } {
  const seconds = Number(headers?.['retry-after']);
  return seconds > 0 ? { retryAfterMs: seconds * 1000 } : {};
}

function causeOf(error: Stripe.errors.StripeError): string {
  const detail: unknown = error.detail;
  if (detail instanceof Error)
    return detail.message || ((detail as NodeJS.ErrnoException).code ?? detail.name);
  return error.statusCode === undefined ? error.message : `${error.statusCode} ${error.message}`;
}
