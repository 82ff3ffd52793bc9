import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Graph } from '../graph/index.ts';
import { DataKey } from '../security/data-key.ts';
import { createKeyRing } from '../security/key-ring.ts';
import { getTimeline } from './timeline.ts';

const keyRing = createKeyRing([{ id: 'k', key: randomBytes(32) }]);
const { wrapped } = DataKey.create(keyRing, { label: 'CustomerKey', id: 'c' });

/** A graph whose only query returns the events of a customer. @param events their number */
function graphWith(events: number): Graph {
  const read = async (_: string, { limit, before }: Record<string, unknown>) => {
    const seqs = Array.from({ length: events }, (_, index) => events - index);
    const found = seqs.filter((seq) => seq < Number(before)).slice(0, Number(limit));
    const at = '2026-04-18T10:00:00.000Z';
    const event = { type: 'LtvAdjusted', schema_version: 1, occurred_at: at, data: '{}', notes: [] };
    return [
      {
        status: 'active',
        methods: [],
        addresses: [],
        events: found.map((seq) => ({ seq, ...event })),
      },
    ];
  };
  return { read, keyRing, keyStore: { read: async () => wrapped } } as unknown as Graph;
}

test('consecutive pages make up the timeline, and the last one has no cursor', async () => {
  const graph = graphWith(7);
  const seen: number[] = [];
  let cursor: string | undefined;
  do {
    const page = await getTimeline({ graph }, { customer_id: 'c', limit: 3, cursor });
    seen.push(...page.items.map(({ seq }) => seq));
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  expect(seen).toEqual([7, 6, 5, 4, 3, 2, 1]);
  expect(await getTimeline({ graph: graphWith(3) }, { customer_id: 'c', limit: 3 })).not.toHaveProperty(
    'next_cursor',
  );
});

test('a cursor that is not from a page is refused', async () => {
  const cursor = Buffer.from('["x"]').toString('base64url');
  await expect(
    getTimeline({ graph: graphWith(1) }, { customer_id: 'c', limit: 3, cursor }),
  ).rejects.toMatchObject({
    type: 'invalid_argument',
  });
});
