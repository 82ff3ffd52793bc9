import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { runCypher, testGraph } from '../../test/test-graph.ts';
import type { Graph } from '../kernel/graph.ts';
import { markPublished, readUnpublished } from './unpublished.ts';

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

/** The seqs of the stream on the page that begins with it. */
async function seqsOf(stream_id: string, source: Graph = graph, limit = 100): Promise<number[]> {
  const { events } = await readUnpublished(source, { from: stream_id, except: [], limit });
  return events.filter((event) => event.stream_id === stream_id).map(({ seq }) => seq);
}

test('a stream is read in its order, after what is published', async () => {
  const stream = await writeStream([3, 1, 4, 2, 5], { unpublished: [5, 4, 3] });
  expect(await seqsOf(stream)).toEqual([3, 4, 5]);
  expect(await seqsOf(stream, graph, 2)).toEqual([3, 4]);
  await markPublished(graph, [`${stream}#3`]);
  expect(await seqsOf(stream)).toEqual([4, 5]);
  expect((await readUnpublished(graph, { from: stream, except: [stream], limit: 10 })).events).toEqual([]);
});

test('a page that is full says where the next one begins', async () => {
  const stream = await writeStream([1, 2, 3]);
  expect((await readUnpublished(graph, { from: stream, except: [], limit: 3 })).next).toBe(stream);
  expect((await readUnpublished(graph, { from: stream, except: [], limit: 4 })).next).toBeUndefined();
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
    async read<T>(cypher: string, parameters?: Record<string, unknown>) {
      const rows = await graph.read<T>(cypher, parameters);
      const wasScan = isScan;
      isScan = false;
      return wasScan ? rows.filter((row) => (row as { event: { seq: number } }).event.seq !== missed) : rows;
    },
  };
  expect(await seqsOf(stream, missing)).toEqual(expected);
  isScan = true;
  expect((await readUnpublished(missing, { from: stream, except: [], limit: 10 })).isPartial).toBe(true);
});
