/**
 * A consumer that decodes each record and signals a workflow with start, and does nothing else: as many in progress as
 * Persona's, those of one key in their order. `BARE_TOPIC`: its topic, `BARE_QUEUE`: the task queue of its workflows.
 */

import { Consumer, MessagesStreamFallbackModes, MessagesStreamModes } from '@platformatic/kafka';
import avro from 'avsc';
import { InboundTopic } from '../../domain/inbound/topics.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import { readSchema } from '../../events/schemas.ts';
import { readCodecKeys, readTemporalEnvironment } from '../../platform/environment.ts';
import { connectTemporal } from '../../temporal/client.ts';

const MAX_IN_PROGRESS = 32;
const COMMIT_EVERY_MS = 250;
/** Before a value are two bytes that mark it and eight that name its schema. */
const HEADER_BYTES = 10;

const { BARE_TOPIC = '', BARE_QUEUE = '', KAFKA_BROKERS = '' } = process.env;
const { address, namespace } = readTemporalEnvironment(process.env);
const temporal = await connectTemporal({
  address,
  namespace,
  codecKeys: readCodecKeys(process.env).reveal(),
});
const type = avro.Type.forSchema(readSchema(InboundTopic.paymentFailed) as unknown as avro.Schema);
const consumer = new Consumer<Buffer, Buffer, Buffer, Buffer>({
  ...{ clientId: 'bare', groupId: 'bare', bootstrapBrokers: KAFKA_BROKERS.split(','), retries: 20 },
});
const stream = await consumer.consume({
  ...{ topics: [BARE_TOPIC], mode: MessagesStreamModes.COMMITTED, autocommit: false, highWaterMark: 128 },
  fallbackMode: MessagesStreamFallbackModes.EARLIEST,
});
const lanes = new Map<string, Promise<unknown>>();
const inProgress = new Set<Promise<unknown>>();
/** The offset after the last record that was read, by partition. */
const offsets = new Map<number, bigint>();

const start = async (value: Buffer) => {
  const failure = type.fromBuffer(value.subarray(HEADER_BYTES)) as PaymentFailed;
  await temporal.workflow.signalWithStart('bareRecovery', {
    workflowId: `bare-recovery:${failure.payment_id}`,
    taskQueue: BARE_QUEUE,
    args: [{ payment_id: failure.payment_id }],
    signal: 'paymentFailed',
    signalArgs: [failure],
  });
};

let commit = Promise.resolve();
setInterval(() => {
  commit = commit.then(async () => {
    const read = [...offsets];
    offsets.clear();
    await Promise.all(inProgress);
    if (read.length > 0)
      await consumer.commit({
        offsets: read.map(([partition, offset]) => ({
          ...{ topic: BARE_TOPIC, partition, offset, leaderEpoch: -1 },
        })),
      });
  });
}, COMMIT_EVERY_MS);
console.log(JSON.stringify({ ready: { topic: BARE_TOPIC } }));
for await (const { partition, offset, key, value } of stream) {
  const lane = String(key);
  const work = (lanes.get(lane) ?? Promise.resolve()).then(() => start(value));
  lanes.set(lane, work);
  inProgress.add(work);
  void work.finally(() => {
    inProgress.delete(work);
    if (lanes.get(lane) === work) lanes.delete(lane);
  });
  offsets.set(partition, offset + 1n);
  if (inProgress.size >= MAX_IN_PROGRESS) await Promise.race(inProgress);
}
