/** What traces cost a context read: a process with a collector, whose reads are sampled or not, against one without. */

import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetCustomerContextRequest, PersonaAgentService } from '../proto/gen/persona/v1/persona_agent.ts';
import { Consistency } from '../proto/gen/persona/v1/types.ts';
import { addCustomers } from './customers.ts';
import { type GrpcCaller, openGrpcCaller } from './grpc-caller.ts';
import type { Comparison, Findings } from './result.ts';
import { loadServer, serverFigures, turnDuration } from './server-load.ts';
import { sideBySide } from './side-by-side.ts';
import type { BenchProgram, BenchSystem } from './system.ts';

const CUSTOMERS = 100;
const IN_FLIGHT = 16;
const REPETITIONS = 7;
const WARM_UP_TURNS = 5;
const TURN_MS = turnDuration(1_000);
/** The share of reads that begin a trace. */
const SHARES = { 'every read sampled': 1, 'no read sampled': 0 } as const;

export const tracingBenchmark = {
  name: 'tracing',
  title: '`GetCustomerContext` with a collector of traces against without',
  conditions:
    `STRONG reads of ${CUSTOMERS} customers, ${IN_FLIGHT} in flight, ${REPETITIONS} turns of ${TURN_MS / 1_000} s. Persona: an API with a collector and ` +
    '`traces.sampleRatio` 1 or 0; the collector reads what it is sent and keeps nothing, in the process of the caller. Bare: an API without a collector',
  async run({ graph, guard, log, startApi }: BenchSystem): Promise<Findings> {
    const customers = await addCustomers(graph, CUSTOMERS);
    const requests = customers.map((customer_id) =>
      GetCustomerContextRequest.encode({
        ...{ customer_id, transaction_id: `for ${customer_id}`, min_version: 0n },
        consistency: Consistency.CONSISTENCY_STRONG,
      }).finish(),
    );
    const folder = mkdtempSync(join(tmpdir(), 'persona-tracing-'));
    guard.removeAtEnd(folder);
    const collector = await startCollector();
    const comparisons: Comparison[] = [];
    for (const [what, sampleRatio] of Object.entries(SHARES)) {
      log(`tracing, ${what}…`);
      const [traced, untraced] = await Promise.all([
        startApi({
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
          PERSONA_POLICY_FILE: writePolicy(folder, sampleRatio),
        }),
        startApi({}),
      ]);
      const [persona, bare] = [traced, untraced].map(({ ready }) =>
        openGrpcCaller(String(ready.grpc), PersonaAgentService.getCustomerContext.path),
      ) as [GrpcCaller, GrpcCaller];
      const turn =
        (caller: GrpcCaller, { pid }: BenchProgram) =>
        () =>
          loadServer({ ms: TURN_MS, inFlight: IN_FLIGHT, pid }, (n) =>
            caller.call(requests[n % requests.length] as Uint8Array),
          );
      const sides = [turn(persona, traced), turn(bare, untraced)] as const;
      try {
        await sideBySide(...sides, WARM_UP_TURNS);
        const before = collector.bytes();
        const turns = await sideBySide(...sides, REPETITIONS);
        if (collector.bytes() > before !== sampleRatio > 0)
          throw new Error(`with ${what} the collector received ${collector.bytes() - before} bytes`);
        comparisons.push(...serverFigures(what, turns, { goals: false }));
      } finally {
        persona.close();
        bare.close();
        await Promise.all([traced.stop(), untraced.stop()]);
      }
    }
    await collector.close();
    return { comparisons };
  },
};

/** @returns the path of Persona's own policy with this share */
function writePolicy(folder: string, sampleRatio: number): string {
  const policy = JSON.parse(readFileSync(new URL('../config/policy.json', import.meta.url), 'utf8')) as {
    traces: object;
  };
  const file = join(folder, `policy-${sampleRatio}.json`);
  writeFileSync(file, JSON.stringify({ ...policy, traces: { ...policy.traces, sampleRatio } }));
  return file;
}

async function startCollector() {
  let bytes = 0;
  const server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => (bytes += chunk.length));
    request.on('end', () => response.setHeader('content-type', 'application/x-protobuf').end());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bytes: () => bytes,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
