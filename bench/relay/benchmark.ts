/** The relay compared with a bare loop that reads, produces and marks, and several relays of a range of streams each. */

import { setTimeout } from 'node:timers/promises';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createRelayActivities } from '../../activities/relay.ts';
import { createKafkaPublishers } from '../../adapters/kafka/publisher.ts';
import { type EncodedRecord, type OpenPublisher, type Publisher } from '../../domain/outbox/publisher.ts';
import { Topic } from '../../domain/outbox/topics.ts';
import { createRecordEncoder } from '../../events/encode.ts';
import type { Graph } from '../../graph/index.ts';
import { readPolicy } from '../../platform/policy.ts';
import { cpuTime } from '../cpu-time.ts';
import { failureOf } from '../customers.ts';
import { addPayer, recover } from '../payers.ts';
import { createProcessorMeter } from '../processor-time.ts';
import { type FigureTable, type Findings, median } from '../result.ts';
import { createStopwatch } from '../sweep/stopwatch.ts';
import { runCalls, sideBySide, toComparison } from '../side-by-side.ts';
import type { BenchSystem, OwnGraph, OwnKafka } from '../system.ts';
import { openBarePublisher, publishBare, type Recorded } from './bare.ts';

/** Customers, each with two cards and a recovered payment; set fewer for a trial run. */
const CUSTOMERS = Number(process.env.BENCH_RELAY_CUSTOMERS ?? 400);
const IN_FLIGHT = 4;
/** Numbers of relays that share the streams. */
const RELAYS = [1, 2, 4];
const RELAY_TURNS = 3;
const POLL_MS = 5;
const AFTER_ALL = '~';

export const relayBenchmark = {
  name: 'relay',
  title: 'The relay against a bare loop that reads, produces and marks',
  conditions:
    `A separate graph and Kafka. The events of ${CUSTOMERS} customers with two cards and a recovered payment each are written beforehand, and are unpublished again ` +
    'before each turn. Persona: the relay’s activity, from its start until it has marked the last of them. Bare: a loop through pages of 1 000 that reads ' +
    'each with one statement, produces in one transaction of Kafka the records that Persona has published of these events, and removes the labels with one statement. ' +
    'Both run in the process of the benchmark. ' +
    `Several relays: a process each, with a transactional id of its own and an equal part of the streams; they publish what the relay publishes, ${RELAY_TURNS} turns`,
  async run({ startGraph, startKafka, startWorker, log }: BenchSystem): Promise<Findings> {
    const [own, kafka] = [await startGraph('relay', {}), await startKafka('relay-kafka')];
    const { graph } = own;
    try {
      log(`adding ${CUSTOMERS} customers with a recovery each…`);
      const addCustomer = async () => recover(graph, failureOf(await addPayer(graph)));
      // Alone: Neo4j plans each statement.
      await addCustomer();
      await runCalls(CUSTOMERS - 1, IN_FLIGHT, addCustomer);
      const persona = createRelay(graph, kafka.brokers);
      // The first run also labels the log. Neo4j's and this process's code is compiled during the next ones.
      for (let run = 0; run < 3; run += 1) await persona.publish(await unpublishAll(graph));
      const events = await unpublishAll(graph);
      log(`publishing ${events} events each turn…`);
      const publisher = await openBarePublisher(kafka.brokers, 'bare-relay');
      const processors = createProcessorMeter({ ...own.pids, ...kafka.pids, 'this process': process.pid });
      const turn = (side: 'persona' | 'bare', publish: () => Promise<void>) => async () => {
        await unpublishAll(graph);
        const began = performance.now();
        await processors.measure(side, events, publish);
        return { perSecond: (events * 1_000) / (performance.now() - began) };
      };
      const before = persona.waited();
      const sides = await sideBySide(
        turn('persona', () => persona.publish(events)),
        turn('bare', async () => {
          const published = await publishBare(graph, publisher, persona.recorded);
          if (published !== events) throw new Error(`published ${published} events instead of ${events}`);
        }),
      );
      const waited = persona.waited();
      await publisher.close();
      // With the turn that is not measured.
      const published = events * (sides.persona.length + 1);
      const waitTable: FigureTable = {
        head: ['the relay waits', 'ms/event'],
        rows: [
          ['for Neo4j, reading', (waited.reading - before.reading) / published],
          ['for Kafka, a page’s transaction', (waited.producing - before.producing) / published],
          ['for Kafka, opening and closing the producer', (waited.opening - before.opening) / published],
        ],
      };
      const scaling = await measureRelays({ own, kafka, startWorker, log });
      return {
        comparisons: [
          { ...toComparison('events published', 'events/s', 'perSecond', sides), goal: { atLeast: 0.8 } },
        ],
        tables: [processors.table('processor time of one event (ms)'), waitTable, scaling],
      };
    } finally {
      await Promise.all([kafka.stop(), own.stop()]);
    }
  },
};

/** Labels all events of the graph. @returns their number */
async function unpublishAll(graph: Graph): Promise<number> {
  const session = graph.writeSession();
  try {
    const { records } = await session.run(
      'MATCH (e:PersonaEvent) SET e:Unpublished RETURN count(e) AS events',
    );
    return Number(records[0]?.get('events'));
  } finally {
    await session.close();
  }
}

/** The relay's activity, and the records that it has published so far. */
function createRelay(graph: Graph, brokers: string[]) {
  const records = new Map<string, readonly EncodedRecord[]>();
  const contexts = new Map<string, EncodedRecord>();
  const keep = (record: EncodedRecord) => {
    const { ce_id: id = '' } = record.headers;
    if (record.topic === Topic.customerContext) contexts.set(Buffer.from(record.key).toString(), record);
    else if (record.topic === Topic.log) records.set(id, [record]);
    else records.set(id, [...(records.get(id) ?? []), record]);
  };
  const open = createKafkaPublishers({ brokers });
  const [opening, reading, producing] = [createStopwatch(), createStopwatch(), createStopwatch()];
  let isRecorded = false;
  const openPublisher: OpenPublisher = async () => {
    const publisher: Publisher = await opening.around(open);
    return {
      publish(published) {
        if (!isRecorded) published.forEach(keep);
        return producing.around(() => publisher.publish(published));
      },
      close: () => opening.around(() => publisher.close()),
    };
  };
  const watched: Graph = { ...graph, read: (...args) => reading.around(() => graph.read(...args)) };

  /** As the workflow runs it, until this many events are published. */
  const publish = async (events: number): Promise<void> => {
    for (let published = 0; published < events; ) {
      const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('WARN') });
      const { relayEvents } = createRelayActivities({
        ...{
          graph: watched,
          policy: readPolicy(),
          openPublisher,
          openEncoder: async () => createRecordEncoder(),
          onPublished: () => {},
          now: Date.now,
        },
        observeRelay({ published: page = 0 }) {
          published += page;
          if (published >= events) environment.cancel();
        },
      });
      await environment.run(relayEvents);
    }
    isRecorded = true;
  };
  /** Milliseconds so far. */
  const waited = () => ({ opening: opening.total, reading: reading.total, producing: producing.total });
  return { publish, waited, recorded: { records, contexts } satisfies Recorded };
}

/** The speed of several relays, and the processor time that an event takes. */
async function measureRelays({
  own: { graph, env, pids },
  kafka,
  startWorker,
  log,
}: Pick<BenchSystem, 'startWorker' | 'log'> & { own: OwnGraph; kafka: OwnKafka }): Promise<FigureTable> {
  const rows: FigureTable['rows'] = [];
  for (const count of RELAYS) {
    log(`publishing with ${count} relays…`);
    const bounds = await boundsOf(graph, count);
    const relays = await Promise.all(
      bounds.map((from, n) =>
        startWorker('relay/partition.ts', {
          ...{ ...env, KAFKA_BROKERS: kafka.brokers.join(), PARTITION_ID: `bench-relay-${n}` },
          ...{ PARTITION_FROM: from, PARTITION_TO: bounds[n + 1] ?? AFTER_ALL },
        }),
      ),
    );
    const turns: { perSecond: number; spent: number[] }[] = [];
    const groups = [relays.map(({ pid }) => pid), Object.values(pids), Object.values(kafka.pids)];
    const spentSoFar = () => groups.map((group) => group.reduce((sum, pid) => sum + cpuTime(pid), 0));
    // The first two turns are not measured.
    for (let turn = -1; turn <= RELAY_TURNS; turn += 1) {
      const [before, began] = [spentSoFar(), performance.now()];
      const events = await unpublishAll(graph);
      while (await hasUnpublished(graph)) await setTimeout(POLL_MS);
      const seconds = (performance.now() - began) / 1_000;
      const after = spentSoFar();
      if (turn > 0)
        turns.push({
          perSecond: events / seconds,
          spent: after.map((ms, n) => (ms - (before[n] ?? 0)) / events),
        });
    }
    await Promise.all(relays.map((relay) => relay.stop()));
    const spent = groups.map((_, n) => median(turns.map((turn) => turn.spent[n] ?? Number.NaN)));
    rows.push([String(count), median(turns.map(({ perSecond }) => perSecond)), ...spent]);
  }
  return { head: ['relays', 'events/s', 'relays (ms/event)', 'Neo4j (ms/event)', 'Kafka (ms/event)'], rows };
}

/** Where each relay's range begins, so that all have as many events. */
async function boundsOf(graph: Graph, count: number): Promise<string[]> {
  const rows = await graph.read<{ id: string }>(
    'MATCH (e:PersonaEvent) RETURN e.stream_id AS id ORDER BY e.stream_id',
  );
  return Array.from({ length: count }, (_, n) =>
    n === 0 ? '' : (rows[Math.floor((n * rows.length) / count)]?.id ?? ''),
  );
}

async function hasUnpublished(graph: Graph): Promise<boolean> {
  const [row] = await graph.read<{ events: number }>('MATCH (e:Unpublished) RETURN count(e) AS events');
  return row?.events !== 0;
}
