/** How much room a Neo4j takes, by what its files hold. They are complete after a checkpoint. */

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The first that fits. */
const KINDS = {
  logs: /\/data\/transactions\/neo4j\//,
  indexes: /\/data\/databases\/neo4j\/schema\/index\//,
  nodes: /\/data\/databases\/neo4j\/neostore\.nodestore\.db$/,
  edges: /\/data\/databases\/neo4j\/neostore\.relationshipstore\.db$/,
  properties: /\/data\/databases\/neo4j\/neostore\.propertystore\.db$/,
  texts: /\/data\/databases\/neo4j\/neostore\.propertystore\.db\.strings$/,
  // Free lists, counts, tokens.
  rest: /\/data\/databases\/neo4j\//,
} as const;

export type Kind = keyof typeof KINDS;
/** Bytes. */
export type DiskUsage = Record<Kind, number>;

/** @param folder that of the server, or one above it */
export function diskUsageOf(folder: string): DiskUsage {
  const usage: DiskUsage = { logs: 0, indexes: 0, nodes: 0, edges: 0, properties: 0, texts: 0, rest: 0 };
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const kind = kindOf(path.replaceAll('\\', '/'));
    if (kind !== undefined) usage[kind] += statSync(path).size;
  }
  return usage;
}

function kindOf(path: string): Kind | undefined {
  const [kind] = Object.entries(KINDS).find(([, files]) => files.test(path)) ?? [];
  return kind as Kind | undefined;
}

/** Neo4j's pages, and how many records one holds (format `aligned`: none lies in two pages). */
const PAGE = 8_192;
const PROPERTY_RECORD = 41;

/** How many property records a file of them has room for. */
export function propertyRecordsIn(bytes: number): number {
  return (bytes / PAGE) * Math.floor(PAGE / PROPERTY_RECORD);
}

/** All that a graph takes but its indexes. Transaction logs are written anew all the time, and deleted again. */
export function recordsOf({ nodes, edges, properties, texts, rest }: DiskUsage): number {
  return nodes + edges + properties + texts + rest;
}
