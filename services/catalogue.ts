/** The catalogue of agents' personas: read from this process's memory, changed in the graph. */

import {
  personaDifferences,
  type PersonaDifference,
  readActivation,
  readConfiguration,
  readPersona,
} from '../domain/catalogue/persona.ts';
import { readMetrics } from '../domain/catalogue/metrics.ts';
import { PersonaError, validationError } from '../domain/errors.ts';
import type { Policy } from '../domain/policy.ts';
import type { ValidationFailure } from '../domain/validation.ts';
import {
  activatePersona,
  aggregateMetrics,
  deactivatePersona,
  getConfiguration as readStoredConfiguration,
  getPersonaHistory,
  getPersonaVersion,
  type MetricQuery,
  putConfiguration as storeConfiguration,
  putPersona as storePersona,
  recordMetrics,
  unknownPersona,
} from '../graph/catalogue/index.ts';
import type { Graph } from '../graph/index.ts';
import { type Caller, remaining } from './caller.ts';
import type { CatalogueCache } from './catalogue-cache.ts';
import { firstPageOf, type Page, pageOf, readCursor, refuseCursor } from './pages.ts';
import { requestHeader, versionedHeader } from './request-header.ts';
import type { ConfigurationView, PersonaVersionView, PersonaView } from './views.ts';

export interface CatalogueDependencies {
  readonly graph: Graph;
  readonly policy: Pick<Policy, 'catalogue'>;
  readonly catalogue: CatalogueCache;
}

export interface PersonaFilter {
  persona_type?: string | undefined;
  /** Without regard to case. */
  expertise?: string | undefined;
  is_active?: boolean | undefined;
}

/** What was read from memory, and how old that is. */
export interface FromCatalogue<T> {
  value: T;
  /** Milliseconds; absent: it is at most two seconds old. */
  staleMs?: number;
}

/**
 * A page of the personas, by name, of the process's memory.
 *
 * @throws PersonaError invalid_argument (the cursor); graph_unavailable: the catalogue was never read
 */
export async function listPersonas(
  dependencies: CatalogueDependencies,
  { limit, cursor, ...filter }: PersonaFilter & { limit: number; cursor?: string | undefined },
): Promise<FromCatalogue<Page<PersonaView> & { total: number; loadedAt: number }>> {
  const { catalogue } = dependencies;
  const { loadedAt } = catalogue.status();
  if (loadedAt === undefined) throw neverLoaded();
  const found = catalogue.all().filter((persona) => matches(persona, filter));
  const page = pageOf(found, ({ name }) => [name], { limit, ...(cursor !== undefined && { cursor }) });
  return fromMemory(dependencies, { ...page, total: found.length, loadedAt });
}

/**
 * @param request.version an older version; absent: the current one
 * @param request.min_version the least current version that the caller must see
 * @throws PersonaError persona_not_found, persona_version_not_found (also: `min_version` was never acknowledged), graph_unavailable
 */
export async function getPersona(
  dependencies: CatalogueDependencies,
  caller: Caller,
  request: { name: string; version?: number | undefined; min_version?: number | undefined },
): Promise<FromCatalogue<PersonaView>> {
  const { name, version, min_version = 0 } = request;
  const known = dependencies.catalogue.find(name);
  if (version === undefined || version === known?.version) {
    if ((known?.version ?? 0) >= min_version)
      return fromMemory(dependencies, known ?? unknown(dependencies, name));
    return { value: await awaitVersion(dependencies, caller, { name, min_version }) };
  }
  dependencies.catalogue.count('graph');
  return { value: await readOlder(dependencies, name, version) };
}

/**
 * A page of a persona's history, newest first.
 *
 * @throws PersonaError persona_not_found, invalid_argument (the cursor), graph_unavailable
 */
export async function getPersonaVersions(
  { graph, catalogue }: CatalogueDependencies,
  { name, limit, cursor }: { name: string; limit: number; cursor?: string | undefined },
): Promise<Page<PersonaVersionView>> {
  const [before] = cursor === undefined ? [] : readCursor(cursor);
  if (before !== undefined && !/^\d{1,15}$/.test(before)) refuseCursor();
  const range = { name, limit: limit + 1, ...(before !== undefined && { before: Number(before) }) };
  const found = await getPersonaHistory(graph, range);
  if (found.length === 0 && before === undefined && catalogue.find(name) === undefined)
    throw unknownPersona(name);
  return firstPageOf(found, ({ version }) => [String(version)], limit);
}

/**
 * The fields in which two versions differ.
 *
 * @param request.to absent: the current version
 * @throws PersonaError persona_not_found, persona_version_not_found, graph_unavailable
 */
export async function diffPersona(
  dependencies: CatalogueDependencies,
  { name, from, to }: { name: string; from: number; to?: number | undefined },
): Promise<{ name: string; from: number; to: number; differences: PersonaDifference[] }> {
  const last = to ?? (dependencies.catalogue.find(name) ?? unknown(dependencies, name)).version;
  const [before, after] = await Promise.all(
    [from, last].map((version) => getPersonaVersion(dependencies.graph, { name, version })),
  );
  const differences = before && after ? personaDifferences(before, after) : [];
  return { name, from, to: last, differences };
}

/** How long a caller watches; then it calls again. */
export const WATCH_MS = 5 * 60_000;

export interface WatchRequest {
  /** The personas first, as they are. */
  from_start: boolean;
  /** Only these; empty: all. */
  names: readonly string[];
}

/** Each persona that changes, in its newest version, until the caller disconnects; at most for `WATCH_MS`. */
export async function* watchPersonas(
  { catalogue }: CatalogueDependencies,
  { signal }: Caller,
  { from_start, names }: WatchRequest,
): AsyncGenerator<PersonaView> {
  const end = AbortSignal.any([signal, AbortSignal.timeout(WATCH_MS)]);
  const wanted = new Set(names);
  for await (const persona of catalogue.watch(end, from_start))
    if (wanted.size === 0 || wanted.has(persona.name)) yield persona;
}

/** `expected_version`: 0: there must be none yet; absent: any. */
interface VersionedBody {
  expected_version?: number | undefined;
  /** Whether there may be none yet. */
  may_create: boolean;
  /** Untrusted. */
  body: unknown;
}

/**
 * Adds a persona, or a new version of one.
 *
 * @param request.body untrusted: a `PersonaInput`
 * @returns the persona as it is now; `changed`: it was not like that before
 * @throws PersonaError invalid_argument and card_number_refused with all problems, idempotency_key_reused,
 *   persona_not_found, stale_version, graph_unavailable
 */
export async function putPersona(
  dependencies: CatalogueDependencies,
  caller: Caller,
  { name, body, expected_version, may_create }: VersionedBody & { name: string },
): Promise<{ persona: PersonaView; changed: boolean }> {
  const { graph, policy } = dependencies;
  const { content, reason } = required(readPersona(body, policy, name));
  const change = { content, reason };
  const header = versionedHeader(graph, caller, versionOf(`persona ${name}`, expected_version, change));
  const input = { name, expected_version, may_create, ...change };
  return afterChange(dependencies, name, await storePersona(graph, header, input));
}

/**
 * Activates a persona, as it is or as it was in an older version.
 *
 * @param request.body untrusted: `{version?, reason?}`
 * @throws PersonaError invalid_argument, idempotency_key_required, idempotency_key_reused, persona_not_found,
 *   persona_version_not_found, graph_unavailable
 */
export async function activate(
  dependencies: CatalogueDependencies,
  caller: Caller,
  { name, body }: { name: string; body: unknown },
): Promise<{ persona: PersonaView; changed: boolean }> {
  const { version, reason } = required(readActivation(body));
  const input = { name, version, reason };
  return afterChange(
    dependencies,
    name,
    await activatePersona(dependencies.graph, requestHeader(caller), input),
  );
}

/**
 * @param request.body untrusted: `{reason?}`
 * @throws PersonaError as `activate`
 */
export async function deactivate(
  dependencies: CatalogueDependencies,
  caller: Caller,
  { name, body }: { name: string; body: unknown },
): Promise<{ persona: PersonaView; changed: boolean }> {
  const { reason } = required(readActivation(body));
  const input = { name, reason };
  return afterChange(
    dependencies,
    name,
    await deactivatePersona(dependencies.graph, requestHeader(caller), input),
  );
}

/**
 * Adds measurements of a persona, all or none.
 *
 * @param request.body untrusted: `{metrics: [{name, value, unit, at?, version?}]}`
 * @throws PersonaError invalid_argument with all problems, idempotency_key_required, idempotency_key_reused,
 *   persona_not_found, persona_version_not_found, graph_unavailable
 */
export async function addMetrics(
  { graph, policy }: CatalogueDependencies,
  caller: Caller,
  { name, body }: { name: string; body: unknown },
): Promise<{ recorded: number }> {
  const { metricsFor } = policy.catalogue;
  const metrics = required(readMetrics(body, { now: Date.now(), metricsFor }));
  return recordMetrics(graph, requestHeader(caller), { persona: name, metrics });
}

/** The most periods of one answer. */
const MAX_BUCKETS = 1_000;

/** @throws PersonaError invalid_argument (the periods), persona_not_found, graph_unavailable */
export async function getMetrics(
  { graph, catalogue }: CatalogueDependencies,
  query: Omit<MetricQuery, 'limit'>,
): Promise<{ items: Awaited<ReturnType<typeof aggregateMetrics>> }> {
  const periods = (Date.parse(query.to) - Date.parse(query.from)) / query.every;
  if (periods > MAX_BUCKETS) {
    const message = `must be longer: from, to and every may span at most ${MAX_BUCKETS} periods`;
    throw validationError([{ field: 'every', message }]);
  }
  if (periods < 0) throw validationError([{ field: 'to', message: 'must not be before from' }]);
  const items = await aggregateMetrics(graph, { ...query, limit: MAX_BUCKETS + 1 });
  if (items.length === 0 && catalogue.find(query.persona) === undefined)
    await refreshed(catalogue, query.persona);
  return { items };
}

/** @throws PersonaError configuration_not_found, graph_unavailable */
export async function getConfiguration(
  { graph }: Pick<CatalogueDependencies, 'graph'>,
  ref: { key: string },
): Promise<ConfigurationView> {
  const { key, value, version, updated_at } = await readStoredConfiguration(graph, ref);
  return { key, value: JSON.parse(value) as unknown, version, updated_at };
}

/**
 * Adds a configuration, or a new version of one.
 *
 * @param request.body untrusted: `{value, reason?}`
 * @throws PersonaError invalid_argument, idempotency_key_reused, configuration_not_found, stale_version, graph_unavailable
 */
export async function putConfiguration(
  { graph }: Pick<CatalogueDependencies, 'graph'>,
  caller: Caller,
  { key, body, expected_version, may_create }: VersionedBody & { key: string },
): Promise<{ configuration: ConfigurationView; changed: boolean }> {
  const change = required(readConfiguration(body, key));
  const header = versionedHeader(graph, caller, versionOf(`configuration ${key}`, expected_version, change));
  const { changed } = await storeConfiguration(graph, header, { ...change, expected_version, may_create });
  return { configuration: await getConfiguration({ graph }, { key }), changed };
}

function matches(persona: PersonaView, { persona_type, expertise, is_active }: PersonaFilter): boolean {
  return (
    (persona_type === undefined || persona.persona_type === persona_type) &&
    (is_active === undefined || persona.is_active === is_active) &&
    (expertise === undefined ||
      persona.expertise.some((entry) => entry.toLowerCase() === expertise.toLowerCase()))
  );
}

function fromMemory<T>({ catalogue }: CatalogueDependencies, value: T): FromCatalogue<T> {
  const { isStale, ageMs } = catalogue.status();
  catalogue.count('memory');
  return { value, ...(isStale && ageMs !== undefined && { staleMs: ageMs }) };
}

/** @throws PersonaError persona_not_found; graph_unavailable: the catalogue was never read */
function unknown({ catalogue }: CatalogueDependencies, name: string): never {
  throw catalogue.status().loadedAt === undefined ? neverLoaded() : unknownPersona(name);
}

const neverLoaded = () => new PersonaError('graph_unavailable', 'The catalogue has not been read yet');

/** @throws PersonaError persona_not_found, persona_version_not_found, graph_unavailable */
async function awaitVersion(
  { catalogue }: CatalogueDependencies,
  caller: Caller,
  { name, min_version }: { name: string; min_version: number },
): Promise<PersonaView> {
  catalogue.count('graph');
  if (remaining(caller) === 0) throw new PersonaError('deadline_exceeded', 'no response before the deadline');
  // Whatever was acknowledged is committed, so that one read sees it.
  const found = await refreshed(catalogue, name);
  if (found.version >= min_version) return found;
  const message = `persona ${name} is at version ${found.version}, and has none of ${min_version}`;
  throw new PersonaError('persona_version_not_found', message);
}

async function readOlder(
  { graph, catalogue }: CatalogueDependencies,
  name: string,
  version: number,
): Promise<PersonaView> {
  const current = catalogue.find(name) ?? (await refreshed(catalogue, name));
  const { updated_at, ...state } = await getPersonaVersion(graph, { name, version });
  const { context, response_format, ...rest } = state;
  return {
    ...{ name, ...rest, version, updated_at, created_at: current.created_at },
    ...(context !== null && { context }),
    ...(response_format !== null && { response_format }),
  };
}

/** The persona after a change by this process: its own readers see it from now on. */
async function afterChange(
  { catalogue }: CatalogueDependencies,
  name: string,
  { changed }: { changed: boolean },
): Promise<{ persona: PersonaView; changed: boolean }> {
  return { persona: await refreshed(catalogue, name), changed };
}

/** @throws PersonaError persona_not_found, graph_unavailable */
async function refreshed(catalogue: CatalogueCache, name: string): Promise<PersonaView> {
  await catalogue.refresh();
  const found = catalogue.find(name);
  if (found === undefined) throw unknownPersona(name);
  return found;
}

function versionOf(id: string, expected_version: number | undefined, change: unknown) {
  return { id, ...(expected_version !== undefined && { expected_version }), change };
}

function required<T>(read: { ok: true; value: T } | ValidationFailure): T {
  if (!read.ok) throw validationError(read.problems, read.type);
  return read.value;
}
