/** The Stripe client: its address, its API version, and the mapping of its errors. */

import { Stripe } from 'stripe';
import { PersonaError } from '../../domain/errors.ts';
import { tracedTransport } from './traced-transport.ts';

/**
 * The newest version of Stripe's API that accepts `payment_method_types` in a request: from 2026-09-30 on that is a
 * 400 `payment_method_types_no_longer_supported`. The package defaults to a newer version.
 */
export const STRIPE_API_VERSION = '2026-08-26.dahlia';

/** For all requests except charges, whose timeout is set by the caller. */
const TIMEOUT_MS = 10_000;

/** Stripe's largest page size. */
export const MAX_PAGE_SIZE = 100;

export interface StripeOptions {
  apiKey: string;
  /** A gateway that implements Stripe's API; default: Stripe itself. */
  apiBase?: string;
  apiVersion?: string;
}

/** `httpClient` for charges only. No retries here: Temporal retries what is safe to retry. */
export function stripeClient(options: StripeOptions, httpClient?: Stripe.HttpClient): Stripe {
  const base = options.apiBase === undefined ? undefined : new URL(options.apiBase);
  return new Stripe(options.apiKey, {
    // The type allows only the package's default version.
    apiVersion: (options.apiVersion ?? STRIPE_API_VERSION) as typeof Stripe.API_VERSION,
    maxNetworkRetries: 0,
    timeout: TIMEOUT_MS,
    telemetry: false,
    ...(base && {
      host: base.hostname,
      port: base.port || (base.protocol === 'https:' ? 443 : 80),
      protocol: base.protocol === 'https:' ? 'https' : 'http',
    }),
    httpClient: tracedTransport(httpClient ?? Stripe.createNodeHttpClient()),
  });
}

/**
 * A failed request other than a charge, as an error of the catalogue: unreachable, overloaded or failing (worth a
 * retry), or refused because of the request or its credentials (not). Stripe's own error is no cause of it: with its
 * message the log would repeat tokens.
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
    const message = `The payment gateway at ${place} is unavailable (${causeOf(error)}). Check STRIPE_API_BASE; 'npm start' runs a simulator for development.`;
    return new PersonaError('gateway_unavailable', message, {
      ...(error.detail instanceof Error && { cause: error.detail }),
      ...retryAfter(error),
    });
  }
  const about = error.param === undefined ? '' : `, parameter ${error.param}`;
  const message = `The payment gateway at ${place} refused the request with ${statusCode}${about}: ${messageOf(error)}`;
  return new PersonaError('gateway_misconfigured', message);
}

/**
 * The result of a request that reads one object; `undefined`: it does not exist.
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

/** Ids of payments, charges, refunds and disputes, which name neither a person nor a card. */
const PAYMENT_ID = /^(pi|ch|re|dp)_\w+$/;

/**
 * Stripe's message without what it repeats of the request: quoted values, ids (tokens, customers, keys) and e-mail
 * addresses, but for ids of payments. It goes into logs and events.
 */
export function messageOf(error: Stripe.errors.StripeError): string {
  return error.message
    .replaceAll(/(["'`])(\S+?)\1/g, (_, __, value: string) => (PAYMENT_ID.test(value) ? value : "'…'"))
    .replaceAll(/\S+@\S+/g, '…')
    .replaceAll(/\b[a-z]+_\w*\d\w*/g, (id) => (PAYMENT_ID.test(id) ? id : '…'));
}

/** Stripe's `Retry-After` of a rate-limited request, which is in seconds. */
function retryAfter({ headers }: Stripe.errors.StripeError): { retryAfterMs?: number } {
  const seconds = Number(headers?.['retry-after']);
  return seconds > 0 ? { retryAfterMs: seconds * 1000 } : {};
}

function causeOf(error: Stripe.errors.StripeError): string {
  const detail: unknown = error.detail;
  if (detail instanceof Error)
    return detail.message || ((detail as NodeJS.ErrnoException).code ?? detail.name);
  return error.statusCode === undefined ? messageOf(error) : `${error.statusCode} ${messageOf(error)}`;
}
