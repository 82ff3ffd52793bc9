/**
 * A consumer that leaves out the records of aborted transactions. The client library (2.12.1) leaves out too little, since it
 * knows the last aborted transaction of each producer in a response alone, and too much: everything from there to the last
 * mark of an abort, which may be that of a later transaction without records in the partition. What is committed between
 * would be lost.
 */

import {
  type API,
  type Callback,
  type CallbackWithPromise,
  Consumer,
  type FetchOptions,
  type fetchV17,
  kGetApi,
  type RecordsBatch,
} from '@platformatic/kafka';

type Options = FetchOptions<Buffer, Buffer, Buffer, Buffer>;
type Partition = Pick<fetchV17.FetchResponsePartition, 'abortedTransactions' | 'records'>;

const IS_TRANSACTIONAL = 0x10;
const IS_CONTROL = 0x20;
/** Kafka's number of this error. */
const OFFSET_OUT_OF_RANGE = 1;

/** A place that a partition does not have, or not any more. */
export interface MissingOffset {
  readonly topicId: string;
  readonly partition: number;
  readonly offset: bigint;
}

/** With `isolationLevel` 1 (`READ_COMMITTED`); with 0 it reads everything. */
export class CommittedConsumer extends Consumer<Buffer, Buffer, Buffer, Buffer> {
  /** Called before a stream silently continues elsewhere. */
  onMissing: (offsets: readonly MissingOffset[]) => void = () => {};

  override fetch(options: Options, callback: CallbackWithPromise<fetchV17.FetchResponse>): void;
  override fetch(options: Options): Promise<fetchV17.FetchResponse>;
  override fetch(
    options: Options,
    callback?: CallbackWithPromise<fetchV17.FetchResponse>,
    // biome-ignore lint/suspicious/noConfusingVoidType: both of the library's signatures.
  ): void | Promise<fetchV17.FetchResponse> {
    if (callback === undefined) return super.fetch(options);
    return super.fetch(options, (error, response) => {
      if (error) this.#reportMissing(options, error);
      callback(error, response);
    });
  }

  /** Filters each response before the library does, which then knows of no aborted transactions. */
  override [kGetApi]<Arguments extends unknown[], Response>(
    name: string,
    callback: Callback<API<Arguments, Response>>,
  ): void {
    super[kGetApi]<Arguments, Response>(name, (error, api) => {
      const isFetch = name === 'Fetch' && api !== undefined;
      callback(
        error,
        isFetch ? (withoutAbortedIn(api as unknown as FetchApi) as unknown as typeof api) : api,
      );
    });
  }

  #reportMissing({ topics }: Options, error: Error & { response?: fetchV17.FetchResponse }): void {
    const refused = (error.response?.responses ?? []).flatMap(({ topicId, partitions }) =>
      partitions
        .filter(({ errorCode }) => errorCode === OFFSET_OUT_OF_RANGE)
        .map(({ partitionIndex }) => `${topicId}/${partitionIndex}`),
    );
    const missing = topics.flatMap(({ topicId, partitions }) =>
      partitions
        .filter(({ partition }) => refused.includes(`${topicId}/${partition}`))
        .map(({ partition, fetchOffset }) => ({ topicId, partition, offset: fetchOffset })),
    );
    if (missing.length > 0) this.onMissing(missing);
  }
}

type FetchApi = API<unknown[], fetchV17.FetchResponse>;

/** The request, with responses that have committed records alone. */
function withoutAbortedIn(api: FetchApi): FetchApi {
  const filtered = ((connection, ...request) => {
    const callback = request.pop() as Callback<fetchV17.FetchResponse>;
    api(connection, ...request, (error: Error | null, response: fetchV17.FetchResponse) =>
      callback(error, error === null ? withoutAborted(response) : response),
    );
  }) as FetchApi;
  return Object.assign(filtered, { async: api.async, key: api.key, version: api.version });
}

function withoutAborted(response: fetchV17.FetchResponse): fetchV17.FetchResponse {
  const responses = response.responses.map((topic) => ({
    ...topic,
    partitions: topic.partitions.map((one) => ({
      ...one,
      records: committedBatches(one),
      abortedTransactions: [],
    })),
  }));
  return { ...response, responses };
}

/**
 * As Kafka's own consumer decides it: Kafka names the producer and the first offset of each aborted transaction of which
 * the response may have a part; it ends with the producer's next mark.
 * @returns batches of marks and of aborted records without records: readers need their offsets
 */
export function committedBatches({ abortedTransactions, records }: Partition): RecordsBatch[] {
  const upcoming = [...(abortedTransactions ?? [])].sort((a, b) => Number(a.firstOffset - b.firstOffset));
  const aborting = new Set<bigint>();
  return (records ?? []).map((batch) => {
    const last = batch.firstOffset + BigInt(batch.lastOffsetDelta);
    while (upcoming[0] && upcoming[0].firstOffset <= last)
      aborting.add((upcoming.shift() as (typeof upcoming)[0]).producerId);
    if ((batch.attributes & IS_CONTROL) !== 0) {
      aborting.delete(batch.producerId);
      return { ...batch, records: [] };
    }
    const isAborted = (batch.attributes & IS_TRANSACTIONAL) !== 0 && aborting.has(batch.producerId);
    return isAborted ? { ...batch, records: [] } : batch;
  });
}
