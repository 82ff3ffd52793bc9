import type { Client } from '@temporalio/client';
import { expect, test } from 'vitest';
import { recoveryWorkflowId } from '../domain/workflow-contracts.ts';
import { listRunningRecoveries } from './running-recoveries.ts';

/** A Temporal where recoveries of these payments run, two of them to a page. */
function temporalWith(runningIds: readonly string[], { counts = true } = {}) {
  const running = runningIds.map(recoveryWorkflowId);
  const requests: string[] = [];
  const client = {
    workflow: {
      async count(query: string) {
        requests.push('count');
        if (!counts) throw new Error('the query is too long');
        return { count: running.filter((id) => query.split(' IN ')[1]?.includes(`'${id}'`)).length };
      },
      async *list() {
        for (const [n, workflowId] of running.entries()) {
          if (n % 2 === 0) requests.push('list');
          yield { workflowId };
        }
      },
    },
  };
  return { client: client as unknown as Client, requests };
}

test('where all of a page are running nothing is listed', async () => {
  const { client, requests } = temporalWith(['a', 'aa', 'b', 'c']);
  expect(await listRunningRecoveries(client, ['a', 'b', 'c'])).toEqual(new Set(['a', 'b', 'c']));
  expect(requests).toEqual(['count']);
});

test('where one is not, the list says which, though others run in its place', async () => {
  const { client, requests } = temporalWith(['a', 'aa', 'c']);
  expect(await listRunningRecoveries(client, ['a', 'b', 'c'])).toEqual(new Set(['a', 'c']));
  expect(requests).toEqual(['count', 'list', 'list']);
});

test('a Temporal that does not count is asked for the list, to the last one that was looked for', async () => {
  const { client, requests } = temporalWith(['a', 'c', 'd', 'e'], { counts: false });
  expect(await listRunningRecoveries(client, ['a', 'c'])).toEqual(new Set(['a', 'c']));
  expect(requests).toEqual(['count', 'list']);
});
