import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { expect, test } from 'vitest';
import { contestWorkflowId } from '../domain/workflow-contracts.ts';
import { deleteClosedExecutions, listNamedIds } from './customer-executions.ts';

const [SHOWN, NAMED] = ['0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11', '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e12'];

test('an execution names its customer by the search attribute, or by its own id', async () => {
  const encrypted = { metadata: { encoding: Buffer.from('binary/encrypted') } };
  const executions = [
    {
      execution: { workflowId: 'recovery:order-1' },
      searchAttributes: { indexedFields: { PersonaCustomerId: defaultPayloadConverter.toPayload(SHOWN) } },
    },
    { execution: { workflowId: contestWorkflowId(`${NAMED}:3`) } },
    { execution: { workflowId: 'outbox-relay' }, memo: { fields: { traced_share: encrypted } } },
  ];
  // One a page.
  const listWorkflowExecutions = ({ nextPageToken = Buffer.of(0) }) => {
    const at = nextPageToken[0] ?? 0;
    const isLast = at === executions.length - 1;
    return { executions: executions.slice(at, at + 1), nextPageToken: Buffer.from(isLast ? [] : [at + 1]) };
  };
  const client = { options: {}, workflowService: { listWorkflowExecutions } } as unknown as Client;
  const named: string[] = [];
  for await (const id of listNamedIds(client)) named.push(id);
  expect(named).toEqual([SHOWN, NAMED]);
});

test('an erasure deletes all closed executions of a customer in one call, and counts those that are open', async () => {
  const deleted = new Set<string>();
  const executions = Array.from({ length: 1_001 }, (_, n) => ({
    ...{ workflowId: `recovery:order-${n}`, runId: 'r' },
    status: { name: n === 0 ? 'RUNNING' : 'COMPLETED' },
  }));
  const client = {
    options: { namespace: 'default' },
    workflow: { list: () => executions },
    workflowService: {
      async deleteWorkflowExecution({ workflowExecution: { workflowId } }: { workflowExecution: any }) {
        // The list shows a deleted one for a while longer.
        if (deleted.has(workflowId)) throw Object.assign(new Error('not found'), { code: 5 });
        deleted.add(workflowId);
      },
    },
  } as unknown as Client;
  expect(await deleteClosedExecutions(client, SHOWN, () => {})).toBe(1_001);
  expect(deleted.size).toBe(1_000);
  expect(await deleteClosedExecutions(client, SHOWN, () => {})).toBe(1);
});
