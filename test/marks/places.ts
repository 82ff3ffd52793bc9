/** Everything that Persona and its servers have written or sent, each with something that must be found in it. */

import { globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Connection } from '@temporalio/client';
import type { Payload, PayloadCodec } from '@temporalio/common';
import type { KeptResponse } from './client.ts';
import type { CommandOutput } from './flows/operations.ts';
import { metricsOf, type MarkedSystem } from './system.ts';

export interface Place {
  name: string;
  contents: readonly Buffer[];
  /** A text that it is known to contain: proves that the search reads it. */
  control: string;
}

/** The output of every process. @param controls what the logs of these processes contain */
export function logPlaces(system: MarkedSystem, controls: Readonly<Record<string, string>>): Place[] {
  return Object.entries(system.logs()).map(([name, file]) => ({
    name: `output of ${name}`,
    // Neo4j prints next to nothing itself, and writes what others print to a log of its own.
    contents: (name === 'neo4j' ? [file, join(dirname(file), 'logs/neo4j.log')] : [file]).map((one) =>
      readFileSync(one),
    ),
    control: controls[name] ?? '{"ready":',
  }));
}

/** The metrics of one process. */
export async function metricsPlace(system: MarkedSystem, name: string, control: string): Promise<Place> {
  const url = metricsOf(system.logs()[name] ?? '');
  const text = await (await fetch(url)).text();
  return { name: `metrics of ${name}`, contents: [Buffer.from(text)], control };
}

/** The arguments of every running process, as other users of the machine see them. */
export function argumentPlaces(system: MarkedSystem): Place[] {
  const controls: Record<string, string> = {
    ...{ neo4j: '--home-dir=', temporal: '--db-filename' },
    ...{ worker: 'workers/main.ts', 'worker-smtp': 'workers/main.ts' },
    ...{ kafka: 'kafka.Kafka', consumer: 'consumers/main.ts' },
  };
  return Object.entries(system.pids).map(([name, pid]) => ({
    name: `arguments of ${name}`,
    contents: [readFileSync(`/proc/${pid}/cmdline`)],
    control: controls[name] ?? `${name.replace(/-\d+$/, '')}/main.ts`,
  }));
}

export function commandPlaces(outputs: readonly CommandOutput[]): Place[] {
  return outputs.map(({ name, commandLine }) => ({
    name: `arguments of persona ${name}`,
    contents: [commandLine],
    control: 'cli/main.ts',
  }));
}

/** Responses that failed. @param control in each of REST */
export function errorPlace(responses: readonly KeptResponse[], control: string): Place {
  const contents = responses.filter(({ failed }) => failed).map(({ bytes }) => bytes);
  return { name: 'error responses', contents, control };
}

/** The file and what belongs to it, such as a write-ahead log. */
export function filesPlace(name: string, folder: string, pattern: string, control: string): Place {
  const files = globSync(pattern, { cwd: folder }).map((file) => join(folder, file));
  const contents = files
    .filter((file) => statSync(file).isFile())
    .map((file) => withoutEmptyEnd(readFileSync(file)));
  return { name, contents, control };
}

/** Servers create their files larger than what they hold, up to hundreds of megabytes. */
function withoutEmptyEnd(content: Buffer): Buffer {
  let end = content.length;
  while (end > 0 && content[end - 1] === 0) end -= 1;
  return content.subarray(0, end);
}

/** Every workflow's history and description, with what the codec has encrypted as it is stored. */
export async function historyPlace(
  { workflowService }: Connection,
  namespace: string,
  control: string,
): Promise<Place> {
  const contents: Buffer[] = [];
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await workflowService.listWorkflowExecutions({ namespace, nextPageToken });
    contents.push(...bytesWithin(page));
    for (const { execution } of page.executions) {
      contents.push(
        ...bytesWithin(await workflowService.describeWorkflowExecution({ namespace, execution })),
      );
      let next: Uint8Array | undefined;
      do {
        const history = await workflowService.getWorkflowExecutionHistory({
          namespace,
          execution,
          nextPageToken: next,
        });
        contents.push(...bytesWithin(history));
        next = history.nextPageToken;
      } while (next?.length);
    }
    nextPageToken = page.nextPageToken;
  } while (nextPageToken?.length);
  return { name: "Temporal's histories", contents: [Buffer.concat(contents)], control };
}

/**
 * The same histories as a client with the codec reads them.
 * @param isRead for the names of workflows; default: all of them
 */
export async function decodedHistoryPlace(
  { client }: MarkedSystem,
  control: string,
  isRead: (workflow: string) => boolean = () => true,
): Promise<Place> {
  const contents: Buffer[] = [];
  const decode = async (value: unknown): Promise<void> => {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
    const payload = value as Payload;
    if (payload.metadata?.encoding !== undefined) {
      const [decoded] = await decodeOptionally(client.options.loadedDataConverter.payloadCodecs, [payload]);
      contents.push(Buffer.from(decoded?.data ?? []));
      return;
    }
    for (const inner of Object.values(value)) await decode(inner);
  };
  for await (const { workflowId, runId, type } of client.workflow.list()) {
    if (!isRead(type)) continue;
    contents.push(Buffer.from(`${workflowId}\n`));
    const history = await client.workflow
      .getHandle(workflowId, runId)
      .fetchHistory()
      // Deleted by its retention since it was listed.
      .catch(() => undefined);
    await decode(history);
  }
  return { name: "Temporal's histories, decoded", contents, control };
}

async function decodeOptionally(codecs: readonly PayloadCodec[], payloads: Payload[]): Promise<Payload[]> {
  let decoded = payloads;
  for (const codec of codecs) decoded = await codec.decode(decoded);
  return decoded;
}

/** Every text and byte field of a message, separated. */
function bytesWithin(value: unknown): Buffer[] {
  if (typeof value === 'string') return [Buffer.from(`${value}\n`)];
  if (value instanceof Uint8Array) return [Buffer.from(value), Buffer.from('\n')];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [Buffer.from(`${name}\n`), ...bytesWithin(inner)]);
}

/** Every property in the graph, as Neo4j returns it. */
export async function graphPlace({ graph }: MarkedSystem, control: string): Promise<Place> {
  const rows = await graph.read(
    `MATCH (n) RETURN labels(n)[0] AS kind, properties(n) AS properties
     UNION ALL MATCH ()-[r]->() RETURN type(r) AS kind, properties(r) AS properties`,
  );
  const text = rows.map((row) => JSON.stringify(row)).join('\n');
  return { name: 'properties of the graph', contents: [Buffer.from(text)], control };
}
