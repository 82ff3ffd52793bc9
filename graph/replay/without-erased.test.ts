import { expect, test } from 'vitest';
import type { Graph } from '../kernel/graph.ts';
import type { LogSource } from './log-source.ts';
import type { StoredEvent } from './stream.ts';
import { withoutErased } from './without-erased.ts';

const at = '2026-01-01T00:00:00.000Z';
const event: StoredEvent = {
  ...{ id: 'e', stream: 'customer', stream_id: 'c', seq: 1, type: 'AddressRemoved', schema_version: 1 },
  ...{ occurred_at: at, recorded_at: at, source: 'test', actor: 'test', correlation_id: 'test' },
  ...{ causation_id: null, data: '{"sealed":"s1:AAAA"}' },
};
const source: LogSource = {
  id: 'test',
  end: async () => '',
  async *read() {
    yield { events: [{ event, unpublished: false, place: 'offset 7' }], position: '' };
  },
};
/** A graph that has no key of any stream, and is not told how to recognise erased ids. */
const keys = { keyStore: { readAll: async () => [] }, read: async () => [] } as unknown as Graph;

test('without the key that recognises erased ids, an event that cannot be opened may be that of an erased customer', async () => {
  const pages = withoutErased(source, keys).read({ end: '', after: undefined, streams: undefined });
  await expect(pages[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    type: 'log_unusable',
    message: expect.stringMatching(/offset 7.*data key of customer c is missing.*PERSONA_ERASURE_KEY/),
  });
});
