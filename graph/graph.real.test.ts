/** Routing in a cluster. Even a single server refuses writes in a session that the driver has marked as read-only. */

import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { openTestGraph } from '../test/test-graph.ts';

const PROBE = 'CREATE (p:RoutingProbe {id: $id}) WITH p DELETE p RETURN $id AS id';

test.each(['bolt', 'neo4j'])(
  'over %s:// a read is routed like a write, and one that may be stale to any member',
  async (scheme) => {
    const uri = (process.env.NEO4J_URI ?? '').replace(/^\w+:/, `${scheme}:`);
    const graph = await openTestGraph({ uri });
    onTestFinished(() => graph.close());
    const id = randomUUID();
    expect(await graph.read(PROBE, { id })).toEqual([{ id }]);
    const readOnlyError = await graph.readFromAnyMember(PROBE, { id }).catch((error: Error) => error.cause);
    expect(String(readOnlyError)).toMatch(/read access mode/);
    expect(await graph.readFromAnyMember('RETURN $id AS id', { id })).toEqual([{ id }]);
  },
);
