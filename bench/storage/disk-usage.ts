/** Disk usage of a Neo4j by kind of content. Its files are complete after a checkpoint. */

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The first match applies. */
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

/** @param folder the server's folder, or a parent of it */
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

/** Sizes of a page and of a property record in Neo4j (format `aligned`: no record spans two pages). */
const PAGE = 8_192;
const PROPERTY_RECORD = 41;

/** The number of property records that fit into a file of this size. */
export function propertyRecordsIn(bytes: number): number {
  return (bytes / PAGE) * Math.floor(PAGE / PROPERTY_RECORD);
}

/** Disk usage of a graph without its indexes. Transaction logs are not included: they are rotated and deleted. */
export function recordsOf({ nodes, edges, properties, texts, rest }: DiskUsage): number {
  return nodes + edges + properties + texts + rest;
}
