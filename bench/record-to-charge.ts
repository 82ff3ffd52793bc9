/** From the record of a failed payment in Kafka to the first charge at the gateway, through all of Persona. */

import { setTimeout } from 'node:timers/promises';
import { InboundTopic } from '../domain/inbound/topics.ts';
import type { PaymentFailed } from '../domain/recovery/messages.ts';
import { signalWithStartRecovery } from '../temporal/workflow-client.ts';
import { addPayers, failureOf, type Payer } from './customers.ts';
import { openFailureWriter } from './failure-records.ts';
import type { Findings } from './result.ts';
import { runCalls, sideBySide, toComparison } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';

const PAYERS = 48;
/** Records of a turn; set fewer for a trial run. */
const RECORDS = Number(process.env.BENCH_CHARGE_RECORDS ?? 50);
const IN_FLIGHT = [1, 8];
const TURNS = 5;
const WARM_UP = Math.min(300, 3 * RECORDS);
/** How exactly the time of a charge is known. */
const POLL_MS = 5;
const LIMIT_MS = 60_000;

export const recordToChargeBenchmark = {
  name: 'record-to-charge',
  title: 'From the record of a failed payment to the first charge, against the signal alone',
  conditions:
    'A second Persona with servers of its own, among them Kafka; its relay publishes meanwhile. Persona: from before the record is written to Kafka until the ' +
    'gateway’s simulator has the charge, which is looked up every 5 ms. Bare: the same recovery, from before the signal that starts it is sent to Temporal, without Kafka, consumer and ' +
    `the transaction that accepts the report. ${TURNS} turns of ${RECORDS} records`,
  async run({ startWithKafka, log }: BenchSystem): Promise<Findings> {
    const system = await startWithKafka();
    const { addresses, temporal, brokers } = system;
    const writer = openFailureWriter(brokers);
    try {
      log(`adding ${PAYERS} customers…`);
      const payers = await addPayers(system, PAYERS);
      const chargeAfter = (report: (failure: PaymentFailed) => Promise<unknown>) => async (n: number) => {
        const failure = failureOf(payers[n % payers.length] as Payer);
        await report(failure);
        await untilCharged(addresses.gateway, failure.payment_id);
      };
      const byRecord = chargeAfter((failure) => writer.write(InboundTopic.paymentFailed, [failure]));
      const bySignal = chargeAfter((failure) => signalWithStartRecovery(temporal, 'paymentFailed', failure));
      await runCalls(WARM_UP, Math.max(...IN_FLIGHT), byRecord);
      const comparisons = [];
      for (const inFlight of IN_FLIGHT) {
        const turns = await sideBySide(
          () => runCalls(RECORDS, inFlight, byRecord),
          () => runCalls(RECORDS, inFlight, bySignal),
          TURNS,
        );
        comparisons.push(
          toComparison(`${inFlight} in flight, p50`, 'ms', 'p50', turns),
          toComparison(`${inFlight} in flight, p99`, 'ms', 'p99', turns),
        );
      }
      return { comparisons };
    } finally {
      await writer.close();
      await system.stop();
    }
  },
};

async function untilCharged(gateway: string, paymentId: string): Promise<void> {
  for (const end = Date.now() + LIMIT_MS; Date.now() < end; ) {
    const response = await fetch(`${gateway}/_sim/charges?payment_id=${paymentId}`);
    const { data } = (await response.json()) as { data: unknown[] };
    if (data.length > 0) return;
    await setTimeout(POLL_MS);
  }
  throw new Error(`${paymentId} was not charged within ${LIMIT_MS / 1_000} s`);
}
