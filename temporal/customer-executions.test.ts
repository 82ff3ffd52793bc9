import type { Client } from '@temporalio/client';
import { expect, test } from 'vitest';
import { contestWorkflowId } from '../domain/workflow-contracts.ts';
import { listNamedIds } from './customer-executions.ts';

const [SHOWN, NAMED] = ['0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11', '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e12'];

test('an execution names its customer by the search attribute, or by its own id', async () => {
  const executions = [
    { workflowId: 'recovery:order-1', searchAttributes: { PersonaCustomerId: [SHOWN] } },
    { workflowId: contestWorkflowId(`${NAMED}:3`), searchAttributes: {} },
    { workflowId: 'outbox-relay', searchAttributes: {} },
  ];
  const client = { workflow: { list: () => executions } } as unknown as Client;
  const named: string[] = [];
  for await (const id of listNamedIds(client)) named.push(id);
  expect(named).toEqual([SHOWN, NAMED]);
});
