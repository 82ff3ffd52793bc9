import { isTrusted } from '../domain/trust.ts';
import { getCheckout, getPaymentOptions as readPaymentOptions } from '../graph/index.ts';
import { beforeDeadline, type Caller } from './caller.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { PaymentOptionsView } from './views.ts';

/**
 * How long a response waits for Chimera's confirmation. A healthy Chimera confirms within milliseconds, and a customer
 * at a checkout does not notice a tenth of a second.
 */
const CONFIRMATION_MS = 100;
/** Reserved before the caller's deadline for the response. */
const MARGIN_MS = 20;

/**
 * What a customer may pay with at a checkout (docs/reference/interfaces.md, 'Checkout'). Chimera is notified of a trusted
 * device; whether and when it confirms changes `conservative` and nothing else.
 *
 * @throws PersonaError customer_not_found, graph_unavailable
 */
export async function getPaymentOptions(
  dependencies: Pick<ServiceDependencies, 'graph' | 'policy' | 'chimera'>,
  caller: Caller,
  { customer_id, device_id }: { customer_id: string; device_id?: string },
): Promise<PaymentOptionsView> {
  const { graph, policy, chimera } = dependencies;
  const now = graph.now();
  const [{ status, device }, items] = await Promise.all([
    getCheckout(graph, { customer_id, device_id }),
    readPaymentOptions(graph, { customer_id, now }),
  ]);
  const device_trusted = device !== undefined && isTrusted(device, policy.trust, now);
  if (status !== 'active') return { items: [], device_trusted, conservative: true };
  if (!device_trusted || device_id === undefined || chimera === undefined)
    return { items, device_trusted, conservative: true };
  // It continues in the background if it takes longer.
  const report = chimera.notifyTrustedDevice({ customer_id, device_id, trust_score: device.trust_score });
  return { items, device_trusted, conservative: !(await isConfirmedInTime(report, caller)) };
}

async function isConfirmedInTime(report: Promise<void>, caller: Caller): Promise<boolean> {
  const deadline = Math.min(Date.now() + CONFIRMATION_MS, caller.deadline - MARGIN_MS);
  return beforeDeadline({ deadline, signal: caller.signal }, report).then(
    () => true,
    () => false,
  );
}
