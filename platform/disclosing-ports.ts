/** Ports that note what their calls give out to other systems. */

import type { Disclose, Disclosed } from '../domain/disclosures/disclosed.ts';
import { CHIMERA_CALLS, GATEWAY_CALLS, NOTIFIER_CALLS } from '../domain/disclosures/ways-out.ts';
import type { Notifier, PaymentGateway } from '../domain/ports.ts';

type Call = (input: { customer_id: string }, ...more: unknown[]) => unknown;

export function disclosingGateway(gateway: PaymentGateway, disclose: Disclose): PaymentGateway {
  return noting(gateway, GATEWAY_CALLS, disclose);
}

export function disclosingNotifier(notifier: Notifier, disclose: Disclose): Notifier {
  return noting(notifier, NOTIFIER_CALLS, disclose);
}

export function disclosingChimera<Client extends object>(chimera: Client, disclose: Disclose): Client {
  return noting(chimera, CHIMERA_CALLS, disclose);
}

/** Noted before the call: the data has left whatever becomes of it. */
function noting<Port extends object>(
  port: Port,
  calls: Readonly<Record<string, Disclosed | null>>,
  disclose: Disclose,
): Port {
  const noted = Object.entries(calls).flatMap(([name, disclosed]) => {
    const call = port[name as keyof Port] as Call | undefined;
    if (disclosed === null || call === undefined) return [];
    const notingCall: Call = (input, ...more) => {
      disclose(input.customer_id, disclosed);
      return call.call(port, input, ...more);
    };
    return [[name, notingCall]];
  });
  return { ...port, ...Object.fromEntries(noted) };
}
