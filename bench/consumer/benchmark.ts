/** Persona's consumer compared with one that only decodes records and starts workflows. */

import { setTimeout } from 'node:timers/promises';
import { Admin } from '@platformatic/kafka';
import { createMissingTopics } from '../../adapters/kafka/topics.ts';
import { INBOUND_SETTINGS, InboundTopic } from '../../domain/inbound/topics.ts';
import { PARTITIONS } from '../../domain/outbox/topics.ts';
import { failureOf } from '../customers.ts';
import { openFailureWriter } from '../failure-records.ts';
import { addPayer, type TwoCardPayer } from '../payers.ts';
import { createProcessorMeter } from '../processor-time.ts';
import type { Findings } from '../result.ts';
import { runCalls, sideBySide, toComparison } from '../side-by-side.ts';
import type { BenchSystem } from '../system.ts';

const BARE_TOPIC = 'bench.payment-failed.v1';
const BARE_QUEUE = 'bare-consumer';
/** The groups of both consumers. */
const GROUPS = { persona: 'persona', bare: 'bare' } as const;
const TOPICS = { persona: InboundTopic.paymentFailed, bare: BARE_TOPIC } as const;
const CUSTOMERS = 200;
/** Records of a turn; set fewer for a trial run. */
const RECORDS = Number(process.env.BENCH_CONSUMER_RECORDS ?? 1_000);
const WARM_UP_TURNS = 2;
const IN_FLIGHT = 4;
const POLL_MS = 20;

export const consumerBenchmark = {
  name: 'consumer',
  title: 'The consumer of failed payments against a bare consumer that starts a workflow',
  conditions:
    `A separate graph, Temporal and Kafka; no worker serves what is started. Turns of ${RECORDS} records of ${CUSTOMERS} customers over ${PARTITIONS} partitions, ` +
    'from writing them until the offset after the last one is committed, which both consumers do every 250 ms. Bare: a process with the same Kafka client that decodes each record and ' +
    'signals a workflow with start, with the same codec and payload; 32 in progress on both sides, those of one key in their order',
  async run({ startServers, startKafka, startConsumer, startBare, log }: BenchSystem): Promise<Findings> {
    const [servers, kafka] = [await startServers('consumer'), await startKafka('consumer-kafka')];
    const { graph, env } = servers;
    const { brokers } = kafka;
    const admin = new Admin({ clientId: 'bench', bootstrapBrokers: brokers, retries: 20 });
    const writer = openFailureWriter(brokers);
    try {
      log(`adding ${CUSTOMERS} customers…`);
      const payers: TwoCardPayer[] = [];
      const addCustomer = async () => payers.push(await addPayer(graph));
      // Alone: Neo4j plans each statement.
      await addCustomer();
      await runCalls(CUSTOMERS - 1, IN_FLIGHT, addCustomer);
      await createMissingTopics(
        { brokers },
        Object.values(TOPICS).map((topic) => [topic, INBOUND_SETTINGS]),
      );
      const variables = { ...env, KAFKA_BROKERS: brokers.join() };
      const consumer = await startConsumer(variables);
      const bare = await startBare('consumer', {}, { ...variables, BARE_TOPIC, BARE_QUEUE });
      const processors = createProcessorMeter({
        ...{ ...servers.pids, ...kafka.pids },
        ...{ 'the consumer': consumer.pid, 'the bare consumer': bare.pid },
      });
      const turn = (side: keyof typeof TOPICS) => async () => {
        const before = await committed(admin, side);
        const failures = Array.from({ length: RECORDS }, (_, n) =>
          failureOf(payers[n % payers.length] as TwoCardPayer),
        );
        const began = performance.now();
        await processors.measure(side, RECORDS, async () => {
          await writer.write(TOPICS[side], failures);
          while ((await committed(admin, side)) < before + RECORDS) await setTimeout(POLL_MS);
        });
        return { perSecond: (RECORDS * 1_000) / (performance.now() - began) };
      };
      const [persona, alone] = [turn('persona'), turn('bare')];
      for (let n = 0; n < WARM_UP_TURNS; n += 1) {
        await persona();
        await alone();
      }
      const sides = await sideBySide(persona, alone);
      await requireAllAccepted(graph, (WARM_UP_TURNS + 1 + sides.persona.length) * RECORDS);
      await Promise.all([consumer.stop(), bare.stop()]);
      return {
        comparisons: [
          { ...toComparison('records processed', 'records/s', 'perSecond', sides), goal: { atLeast: 0.8 } },
        ],
        tables: [processors.table('processor time of one record (ms)')],
      };
    } finally {
      await Promise.all([writer.close(), admin.close()]);
      await Promise.all([kafka.stop(), servers.stop()]);
    }
  },
};

/** The number of records of which a consumer has committed the offset. */
async function committed(admin: Admin, side: keyof typeof GROUPS): Promise<number> {
  const partitionIndexes = Array.from({ length: PARTITIONS }, (_, n) => n);
  const groups = await admin.listConsumerGroupOffsets({
    groups: [{ groupId: GROUPS[side], topics: [{ name: TOPICS[side], partitionIndexes }] }],
  });
  const offsets = groups.flatMap(({ topics }) => topics).flatMap(({ partitions }) => partitions);
  // A partition without a committed offset has -1.
  return offsets.reduce((sum, { committedOffset }) => sum + Math.max(0, Number(committedOffset)), 0);
}

/** Otherwise records became dead letters, which takes less. */
async function requireAllAccepted(graph: BenchSystem['graph'], expected: number): Promise<void> {
  const [row] = await graph.read<{ count: number }>('MATCH (r:AcceptedReport) RETURN count(r) AS count');
  if (row?.count !== expected) throw new Error(`${row?.count} records were accepted instead of ${expected}`);
}
