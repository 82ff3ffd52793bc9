/** Runs the CLI in this process against the real servers, on the calling file's own graph and client. */

import { Readable } from 'node:stream';
import { defaultPayloadConverter } from '@temporalio/common';
import type { Client } from '@temporalio/client';
import { afterAll, beforeAll } from 'vitest';
import type { Graph } from '../graph/index.ts';
import { readTemporalEnvironment } from '../platform/environment.ts';
import { createKeyRing } from '../security/key-ring.ts';
import { connectTemporal } from '../temporal/client.ts';
import { verifyAndClose, openTestGraph } from '../test/test-graph.ts';
import { runCli } from './program.ts';

const KEY = Buffer.alloc(32, 1);
const key = (id: string) => `${id}:${KEY.toString('base64')}`;
const env = {
  ...process.env,
  PERSONA_RUN_FILE: '/does/not/exist/run.json',
  PERSONA_KEYS: key('k'),
  PERSONA_BLIND_KEYS: key('b'),
  TEMPORAL_CODEC_KEYS: undefined,
};

/** Opened before the calling file's tests and closed after them. */
export function connectRealServers(): { readonly graph: Graph; readonly client: Client } {
  const servers = {} as { graph: Graph; client: Client };
  beforeAll(async () => {
    // The commands open what the tests have sealed.
    servers.graph = await openTestGraph({ keyRing: createKeyRing([{ id: 'k', key: KEY }]) });
    const environment = { ...readTemporalEnvironment(env), apiKey: undefined, codecKeys: 'none' as const };
    servers.client = await connectTemporal(environment);
  });
  afterAll(async () => {
    await servers.client.connection.close();
    await verifyAndClose(servers.graph);
  });
  return servers;
}

/** @param args as an operator types them after `persona` */
export function runPersona(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return runPersonaWith({}, ...args);
}

/** The same with other variables. */
export async function runPersonaWith(
  variables: Record<string, string>,
  ...args: string[]
): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCli(args, {
    env: { ...env, ...variables },
    stdin: Readable.from([]),
    out: (line) => out.push(line),
    err: (line) => err.push(line),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

/** The signals sent to a run, each with its payload; none if no such run is known. */
export async function signalsOf(client: Client, workflowId: string): Promise<unknown[]> {
  const history = await client.workflow
    .getHandle(workflowId)
    .fetchHistory()
    .catch(() => undefined);
  return (history?.events ?? []).flatMap(({ workflowExecutionSignaledEventAttributes: signal }) => {
    const [payload] = signal?.input?.payloads ?? [];
    return signal ? [[signal.signalName, payload && defaultPayloadConverter.fromPayload(payload)]] : [];
  });
}
