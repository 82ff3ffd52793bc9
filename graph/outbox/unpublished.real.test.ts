import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { runCypher, testGraph } from '../../test/test-graph.ts';
import type { Graph } from '../kernel/graph.ts';
import { markPublished, type OutboxPosition, readUnpublished } from './unpublished.ts';

const graph = await testGraph();

/** Events of a stream that sorts after all others, so that a page can begin with it. */
async function writeStream(
  seqs: readonly number[],
  { unpublished = seqs }: { unpublished?: readonly number[] } = {},
) {
  const stream_id = `z-${randomUUID()}`;
  await runCypher(
    graph,
    `UNWIND $seqs AS seq
     CREATE (e:PersonaEvent {
       id: $stream_id + '#' + seq, stream_id: $stream_id, stream: 'customer', seq: seq, type: 'AddressRemoved',
       schema_version: 1, occurred_at: datetime(), recorded_at: datetime(), data: '{}'
     })
     FOREACH (_ IN CASE WHEN seq IN $unpublished THEN [1] ELSE [] END | SET e:Unpublished)`,
    { stream_id, seqs, unpublished },
  );
  onTestFinished(async () => {
    await runCypher(graph, 'MATCH (e:PersonaEvent {stream_id: $stream_id}) WHERE e.seq > 0 DELETE e', {
      stream_id,
    });
  });
  return stream_id;
}

const beginningOf = (stream_id: string): OutboxPosition => ({ stream_id, seq: 0 });

/** The seqs of the stream on the page that begins with it. */
async function seqsOf(stream_id: string, source: Graph = graph, limit = 100): Promise<number[]> {
  const { events } = await readUnpublished(source, { from: beginningOf(stream_id), except: [], limit });
  return events.filter((event) => event.stream_id === stream_id).map(({ seq }) => seq);
}

test('a stream is read in its order, after what is published', async () => {
  const stream = await writeStream([3, 1, 4, 2, 5], { unpublished: [5, 4, 3] });
  expect(await seqsOf(stream)).toEqual([3, 4, 5]);
  expect(await seqsOf(stream, graph, 2)).toEqual([3, 4]);
  await markPublished(graph, [{ id: `${stream}#3` }]);
  expect(await seqsOf(stream)).toEqual([4, 5]);
  const from = beginningOf(stream);
  expect((await readUnpublished(graph, { from, except: [stream], limit: 10 })).events).toEqual([]);
});

test('the trace of an event is read with it, and is gone once it is published', async () => {
  const stream = await writeStream([1]);
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  await runCypher(graph, 'MATCH (e:PersonaEvent {stream_id: $stream}) SET e.traceparent = $traceparent', {
    ...{ stream, traceparent },
  });
  const { events } = await readUnpublished(graph, { from: beginningOf(stream), except: [], limit: 1 });
  expect(events).toMatchObject([{ stream_id: stream, traceparent }]);
  await markPublished(graph, events);
  const left = 'MATCH (e:PersonaEvent {stream_id: $stream}) RETURN e.traceparent AS traceparent';
  expect(await graph.read(left, { stream })).toEqual([{ traceparent: null }]);
});

test('a page that is full says where the next one begins, before anything of it is marked', async () => {
  const stream = await writeStream([1, 2, 3, 4]);
  const from = beginningOf(stream);
  const first = await readUnpublished(graph, { from, except: [], limit: 3 });
  expect(first).toMatchObject({ next: { stream_id: stream, seq: 3 }, isPartial: false });
  const second = await readUnpublished(graph, { from: { stream_id: stream, seq: 3 }, except: [], limit: 3 });
  expect(second.events.map(({ seq }) => seq)).toEqual([4]);
  expect(second).toMatchObject({ isPartial: false });
  expect(second.next).toBeUndefined();
});

// Index scans and commits overlap: a scan may miss an event and see one that was committed after it.
test.each([
  ['in the middle', 3, [1, 2]],
  ['at the beginning', 1, []],
])('nothing is read behind an event that the scan has missed %s', async (_, missed, expected) => {
  const stream = await writeStream([1, 2, 3, 4]);
  let isScan = true;
  const missing: Graph = {
    ...graph,
    async read<T>(cypher: string, parameters: Record<string, unknown> = {}) {
      if (!isScan) return graph.read<T>(cypher, parameters);
      isScan = false;
      const rows = await graph.read<T>(cypher, { ...parameters, limit: Number(parameters.limit) + 1 });
      return rows.filter((row) => (row as { seq: number }).seq !== missed);
    },
  };
  const read = (from: OutboxPosition, limit = 10) => {
    isScan = true;
    return readUnpublished(missing, { from, except: [], limit });
  };
  expect(await seqsOf(stream, missing)).toEqual(expected);
  expect((await read(beginningOf(stream))).isPartial).toBe(true);
  // Also where a page begins; and after a page that ends so, nothing more of its stream is read.
  expect((await read({ stream_id: stream, seq: missed - 1 })).events).toEqual([]);
  const { next } = await read(beginningOf(stream), 3);
  expect(next && (await readUnpublished(graph, { from: next, except: [], limit: 10 })).events).toEqual([]);
});
