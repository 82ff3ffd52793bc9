/** `GetCustomerContext` beside a bare grpc-js server: a process each, the same caller. */

import { GetCustomerContextRequest, PersonaAgentService } from '../proto/gen/persona/v1/persona_agent.ts';
import { Consistency } from '../proto/gen/persona/v1/types.ts';
import { addCustomers } from './customers.ts';
import { type GrpcCaller, openGrpcCaller } from './grpc-caller.ts';
import type { Comparison, Findings } from './result.ts';
import { type Load, loadFor, sideBySide } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';

const CUSTOMERS = 100;
const IN_FLIGHT = { cached: 64, strong: 16 };
const TURN_MS = 4_000;

export const contextBenchmark = {
  name: 'context',
  title: '`GetCustomerContext` against a bare grpc-js server',
  conditions:
    `${CUSTOMERS} customers with three devices, three cards and an address each; turns of ${TURN_MS / 1_000} s. ` +
    `Cached: ${IN_FLIGHT.cached} in flight, beside an echo of the same message. STRONG: ${IN_FLIGHT.strong} in flight, ` +
    'beside a handler that runs the same query in an auto-commit transaction',
  async run({ graph, addresses, startBare, log }: BenchSystem): Promise<Findings> {
    const { grpc: bareAddress } = await startBare('grpc-server', { GRPC_PORT: 0 });
    log(`adding ${CUSTOMERS} customers…`);
    const customers = await addCustomers(graph, CUSTOMERS);
    const { path } = PersonaAgentService.getCustomerContext;
    const persona = openGrpcCaller(addresses.grpc, path);
    const bare = openGrpcCaller(String(bareAddress), path);
    const measure = (consistency: Consistency, inFlight: number) => {
      const requests = customers.map((customer_id) =>
        GetCustomerContextRequest.encode({
          customer_id,
          transaction_id: `for ${customer_id}`,
          consistency,
          min_version: 0n,
        }).finish(),
      );
      const ask = (caller: GrpcCaller) => () =>
        loadFor(TURN_MS, inFlight, (n) => caller.call(requests[n % requests.length] as Uint8Array));
      return sideBySide(ask(persona), ask(bare));
    };
    try {
      const strong = await measure(Consistency.CONSISTENCY_STRONG, IN_FLIGHT.strong);
      const cached = await measure(Consistency.CONSISTENCY_EVENTUAL, IN_FLIGHT.cached);
      return { comparisons: [...compared('STRONG', strong), ...compared('cached', cached)] };
    } finally {
      persona.close();
      bare.close();
    }
  },
};

function compared(what: string, { persona, bare }: { persona: Load[]; bare: Load[] }): Comparison[] {
  const of = (figure: keyof Load) => ({
    persona: persona.map((load) => load[figure]),
    bare: bare.map((load) => load[figure]),
  });
  return [
    { what: `${what}, throughput`, unit: 'calls/s', ...of('perSecond'), goal: { atLeast: 0.85 } },
    { what: `${what}, p50`, unit: 'ms', ...of('p50') },
    { what: `${what}, p99`, unit: 'ms', ...of('p99'), goal: { atMost: 1.25 } },
  ];
}
