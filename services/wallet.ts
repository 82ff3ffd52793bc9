import { getPaymentMethods as readPaymentMethods } from '../graph/index.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import { compareKeys, pageOf } from './pages.ts';
import type { PageRequest } from './services.ts';
import type { Page, PaymentMethodView } from './views.ts';

/**
 * A page of a customer's wallet: the default first, then the most recently used. The whole wallet is read: it is small.
 *
 * @throws PersonaError customer_not_found, invalid_argument (the cursor), graph_unavailable
 */
export async function getPaymentMethods(
  { graph }: ServiceDependencies,
  request: PageRequest,
): Promise<Page<PaymentMethodView>> {
  const methods = await readPaymentMethods(graph, { customer_id: request.customer_id });
  const sorted = methods.toSorted((a, b) => compareKeys(sortKey(a), sortKey(b)));
  return pageOf(sorted, sortKey, request);
}

/** The year 10000 in milliseconds: the difference to it sorts later times first. */
const MAX_TIME_MS = 253_402_300_800_000;

function sortKey({ is_default, last_used, payment_method_id }: PaymentMethodView): string[] {
  const reversedTime = MAX_TIME_MS - Date.parse(last_used ?? '1970-01-01T00:00:00Z');
  return [is_default ? '0' : '1', String(reversedTime).padStart(15, '0'), payment_method_id];
}
