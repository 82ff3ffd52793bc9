/** `GetCustomerContext` compared with a bare grpc-js server: one process each, the same caller. */

import { GetCustomerContextRequest, PersonaAgentService } from '../proto/gen/persona/v1/persona_agent.ts';
import { Consistency } from '../proto/gen/persona/v1/types.ts';
import { addCustomers } from './customers.ts';
import { type GrpcCaller, openGrpcCaller } from './grpc-caller.ts';
import { cpuTime } from './cpu-time.ts';
import type { Comparison, Findings } from './result.ts';
import { toComparison, type Load, runCallsFor, sideBySide } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';

const CUSTOMERS = 100;
const IN_FLIGHT = { cached: 64, strong: 16 };
const TURN_MS = 4_000;

/** `processor`: the server's CPU time per call, in microseconds. */
type ServerLoad = Load & { processor: number };

export const contextBenchmark = {
  name: 'context',
  title: '`GetCustomerContext` against a bare grpc-js server',
  conditions:
    `${CUSTOMERS} customers with three devices, three cards and an address each; turns of ${TURN_MS / 1_000} s. ` +
    `Cached: ${IN_FLIGHT.cached} in flight, compared with an echo of the same message. STRONG: ${IN_FLIGHT.strong} in flight, ` +
    'compared with a handler that runs the same query in an auto-commit transaction',
  async run({ graph, addresses, startBare, log }: BenchSystem): Promise<Findings> {
    const bareServer = await startBare('grpc-server', { GRPC_PORT: 0 });
    log(`adding ${CUSTOMERS} customers…`);
    const customers = await addCustomers(graph, CUSTOMERS);
    const { path } = PersonaAgentService.getCustomerContext;
    const persona = openGrpcCaller(addresses.grpc, path);
    const bare = openGrpcCaller(String(bareServer.ready.grpc), path);
    const measure = (consistency: Consistency, inFlight: number) => {
      const requests = customers.map((customer_id) =>
        GetCustomerContextRequest.encode({
          customer_id,
          transaction_id: `for ${customer_id}`,
          consistency,
          min_version: 0n,
        }).finish(),
      );
      const loadTurn = (caller: GrpcCaller, pid: number) => async () => {
        const before = cpuTime(pid);
        const load = await runCallsFor(TURN_MS, inFlight, (n) =>
          caller.call(requests[n % requests.length] as Uint8Array),
        );
        return { ...load, processor: ((cpuTime(pid) - before) * 1_000) / load.calls };
      };
      return sideBySide(loadTurn(persona, Number(addresses.pids.api)), loadTurn(bare, bareServer.pid));
    };
    try {
      const strong = await measure(Consistency.CONSISTENCY_STRONG, IN_FLIGHT.strong);
      const cached = await measure(Consistency.CONSISTENCY_EVENTUAL, IN_FLIGHT.cached);
      return { comparisons: [...figures('STRONG', strong), ...figures('cached', cached)] };
    } finally {
      persona.close();
      bare.close();
      await bareServer.stop();
    }
  },
};

function figures(what: string, measured: Record<'persona' | 'bare', ServerLoad[]>): Comparison[] {
  const isKnown = measured.persona.every(({ processor }) => !Number.isNaN(processor));
  return [
    { ...toComparison(`${what}, throughput`, 'calls/s', 'perSecond', measured), goal: { atLeast: 0.85 } },
    toComparison(`${what}, p50`, 'ms', 'p50', measured),
    { ...toComparison(`${what}, p99`, 'ms', 'p99', measured), goal: { atMost: 1.25 } },
    ...(isKnown
      ? [toComparison(`${what}, CPU time of the server process`, 'µs/call', 'processor', measured)]
      : []),
  ];
}
