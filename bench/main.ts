/**
 * `npm run bench [-- name …]`: measures Persona against a bare baseline of the underlying technology. `npm run bench --
 * publish` writes the newest results to the documentation.
 */

import { runDevCommand } from '../dev/run-dev-command.ts';
import { bulkheadsBenchmark } from './bulkheads.ts';
import { catalogueBenchmark } from './catalogue.ts';
import { checkoutBenchmark } from './checkout.ts';
import { consumerBenchmark } from './consumer/benchmark.ts';
import { contextBenchmark } from './context.ts';
import { expiryBenchmark } from './expiry/benchmark.ts';
import { fraudBenchmark } from './fraud.ts';
import { historyBenchmark } from './history.ts';
import { importBenchmark } from './import/benchmark.ts';
import { neighbourBenchmark } from './neighbour.ts';
import { onboardingBenchmark } from './onboarding.ts';
import { openRecoveriesBenchmark } from './open/benchmark.ts';
import { reconciliationBenchmark } from './reconciliation.ts';
import { recoveryBenchmark } from './recovery.ts';
import { recordToChargeBenchmark } from './record-to-charge.ts';
import { retentionBenchmark } from './retention.ts';
import { relayBenchmark } from './relay/benchmark.ts';
import { restBenchmark } from './rest.ts';
import { describeMachine } from './machine.ts';
import { saveResult, publish } from './record.ts';
import { asTable } from './report.ts';
import type { BenchmarkResult, Findings } from './result.ts';
import { scaleBenchmark } from './scale.ts';
import { stalenessBenchmark } from './staleness/benchmark.ts';
import { storageBenchmark } from './storage/benchmark.ts';
import { sweepBenchmark } from './sweep/benchmark.ts';
import { tracingBenchmark } from './tracing.ts';
import { type BenchSystem, startSystem } from './system.ts';
import { transactionBenchmark } from './transaction.ts';

interface Benchmark {
  name: string;
  title: string;
  conditions: string;
  run(system: BenchSystem): Promise<Findings>;
}

const BENCHMARKS: readonly Benchmark[] = [
  contextBenchmark,
  restBenchmark,
  checkoutBenchmark,
  stalenessBenchmark,
  tracingBenchmark,
  catalogueBenchmark,
  recoveryBenchmark,
  bulkheadsBenchmark,
  neighbourBenchmark,
  historyBenchmark,
  fraudBenchmark,
  onboardingBenchmark,
  transactionBenchmark,
  scaleBenchmark,
  importBenchmark,
  expiryBenchmark,
  reconciliationBenchmark,
  sweepBenchmark,
  retentionBenchmark,
  storageBenchmark,
  relayBenchmark,
  consumerBenchmark,
  recordToChargeBenchmark,
  // The last one, because its recoveries stay open.
  openRecoveriesBenchmark,
];
const names = BENCHMARKS.map(({ name }) => name);
const args = process.argv.slice(2);

await runDevCommand(async (context) => {
  const unknown = args.find((name) => name !== 'publish' && !names.includes(name));
  if (unknown !== undefined) {
    context.log(`unknown benchmark '${unknown}'; valid arguments are ${names.join(', ')} and publish`);
    return 2;
  }
  if (args.includes('publish')) {
    context.log(publish(names));
    return 0;
  }
  const system = await startSystem(context);
  const chosen = BENCHMARKS.filter(({ name }) => args.length === 0 || args.includes(name));
  for (const { run, ...description } of chosen) {
    context.log(`\n${description.name}: measuring…`);
    const found = await run(system);
    const result: BenchmarkResult = {
      ...description,
      machine: describeMachine(),
      at: new Date().toISOString(),
      ...found,
    };
    context.log(`\n${asTable(result)}\nsaved in ${saveResult(result)}`);
  }
  await system.close();
  return 0;
});
