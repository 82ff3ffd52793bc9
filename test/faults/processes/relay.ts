/** The relay, stopped between publishing a page of events and recording that it is published. */

import { expect } from 'vitest';
import { createCustomer } from '../../../graph/index.ts';
import { testHeader } from '../../test-graph.ts';
import type { FaultSystem } from '../system.ts';
import { COMMIT_MOMENTS, type StoppedProcess, stopProcessAt } from './stopped-process.ts';

const WAITING = 'MATCH (e:PersonaEvent:Unpublished {stream_id: $id}) RETURN count(e) AS n';

/** `before`: Kafka has the events, the graph does not know. `after`: it does, and the relay does not know. */
export async function stopRelay(
  system: FaultSystem,
  moment: (typeof COMMIT_MOMENTS)[number],
): Promise<StoppedProcess> {
  const { graph } = system;
  let id = '';
  return await stopProcessAt(system, {
    at: `relay: ${moment.name} published events are marked`,
    stop: moment.stopAt('REMOVE e:Unpublished'),
    async begin() {
      ({ customer_id: id } = await createCustomer(graph, testHeader(), { segment: 'NEW' }));
    },
    async expectEnd() {
      expect(await graph.read(WAITING, { id })).toEqual([{ n: 0 }]);
    },
  });
}
