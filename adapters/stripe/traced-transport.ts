/** Spans of requests to the gateway. */

import type { Stripe } from 'stripe';
import { traced } from '../../platform/tracing.ts';

/** The parts of Stripe's paths that are no ids. */
const WORDS: ReadonlySet<string> = new Set([
  ...[
    'v1',
    'attach',
    'cancel',
    'charges',
    'checkout',
    'confirm',
    'customers',
    'detach',
    'disputes',
    'expire',
  ],
  ...['early_fraud_warnings', 'mandates', 'payment_intents', 'payment_methods', 'radar', 'refunds', 'search'],
  'sessions',
]);

/** The same client; each request is a part of the trace in progress, by its method and the pattern of its path. */
export function tracedTransport(client: Stripe.HttpClient): Stripe.HttpClient {
  return {
    getClientName: () => client.getClientName(),
    makeRequest(...request) {
      const [, , path, method] = request;
      const template = patternOf(path);
      const attributes = { 'http.request.method': method, 'url.template': template };
      return traced(`${method} ${template}`, attributes, async (span) => {
        const response = await client.makeRequest(...request);
        span?.setAttribute('http.response.status_code', response.getStatusCode());
        return response;
      });
    },
  };
}

/** Without ids, among which are tokens of cards, and without the query. */
export function patternOf(path: string): string {
  const [segments = ''] = path.split('?');
  return segments
    .split('/')
    .map((segment) => (segment === '' || WORDS.has(segment) ? segment : '{id}'))
    .join('/');
}
