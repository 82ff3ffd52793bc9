/** The Temporal servers of a rig: a dedicated one with a skippable clock, or a dedicated namespace of a real one. */

import { randomUUID } from 'node:crypto';
import type { Client, WorkflowClientInterceptor } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import type { NativeConnection } from '@temporalio/worker';
import type { PayloadKey } from '../../security/payload-cipher.ts';
import { connectTemporal } from '../../temporal/client.ts';
import { createDataConverter } from '../../temporal/codec.ts';
import { addSearchAttributes, ensureSearchAttributes } from '../../temporal/search-attributes.ts';
import { connectWorkers } from '../../temporal/worker.ts';

export interface RigServer {
  readonly client: Client;
  readonly connection: NativeConnection;
  readonly namespace: string;
  /** Waits that long in the server's time; returns immediately where time can be skipped. */
  sleep(ms: number): Promise<void>;
  /** The server's clock, in epoch milliseconds. */
  now(): Promise<number>;
  close(): Promise<void>;
}

interface RigServerOptions {
  readonly codecKeys: readonly PayloadKey[];
  readonly interceptor: WorkflowClientInterceptor;
}

/** Starts a dedicated time-skipping server (in a tenth of a second): clock, queues and ids belong to this rig alone. */
export async function startTimeSkippingServer(options: RigServerOptions): Promise<RigServer> {
  const path = demand('PERSONA_TEST_SERVER_BIN', "the time-skipping server's executable");
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
    client: {
      dataConverter: createDataConverter(options.codecKeys),
      interceptors: { workflow: [options.interceptor] },
    },
  });
  await addSearchAttributes(environment.client);
  return {
    client: environment.client,
    connection: environment.nativeConnection,
    namespace: environment.client.options.namespace,
    sleep: (ms) => environment.sleep(ms),
    now: () => environment.currentTimeMs(),
    close: () => environment.teardown(),
  };
}

/** A dedicated namespace of the real server at TEMPORAL_ADDRESS, with the search attributes registered. */
export async function openNamespace(options: RigServerOptions): Promise<RigServer> {
  const address = demand('TEMPORAL_ADDRESS', "a real Temporal server's address");
  const namespace = `rig-${randomUUID()}`;
  const { codecKeys, interceptor } = options;
  const root = await connectTemporal({ address, namespace: 'default', codecKeys });
  await root.workflowService.registerNamespace({
    namespace,
    // The shortest retention that the server accepts.
    workflowExecutionRetentionPeriod: msToTs('1 day'),
  });
  await root.connection.close();
  const client = await connectTemporal({
    address,
    namespace,
    codecKeys,
    interceptors: { workflow: [interceptor] },
  });
  await ensureSearchAttributes(client);
  const connection = await connectWorkers({ address, namespace });
  return {
    client,
    connection,
    namespace,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    now: async () => Date.now(),
    async close() {
      await connection.close();
      await client.connection.close();
    },
  };
}

function demand(variable: string, what: string): string {
  const value = process.env[variable];
  if (!value) throw new Error(`${variable} is not set: ${what}. 'npm test' sets it`);
  return value;
}
