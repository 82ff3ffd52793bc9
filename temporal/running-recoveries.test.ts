import type { Client } from '@temporalio/client';
import { expect, test } from 'vitest';
import { recoveryWorkflowId } from '../domain/workflow-contracts.ts';
import { listRunningRecoveries } from './running-recoveries.ts';

/** A Temporal client for which recoveries of these payments are running, two per page. */
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

test('nothing is listed if all recoveries of the page are running', async () => {
  const { client, requests } = temporalWith(['a', 'aa', 'b', 'c']);
  expect(await listRunningRecoveries(client, ['a', 'b', 'c'])).toEqual(new Set(['a', 'b', 'c']));
  expect(requests).toEqual(['count']);
});

test('if one is not running, the list shows which, although another recovery in the range is running', async () => {
  const { client, requests } = temporalWith(['a', 'aa', 'c']);
  expect(await listRunningRecoveries(client, ['a', 'b', 'c'])).toEqual(new Set(['a', 'c']));
  expect(requests).toEqual(['count', 'list', 'list']);
});

test('if counting fails, pages are listed until all payments are found', async () => {
  const { client, requests } = temporalWith(['a', 'c', 'd', 'e'], { counts: false });
  expect(await listRunningRecoveries(client, ['a', 'c'])).toEqual(new Set(['a', 'c']));
  expect(requests).toEqual(['count', 'list']);
});
