/** The catalogue of agents' personas: loading, serving from memory, and how old answers are while personas are changed. */

import { randomUUID } from 'node:crypto';
import { getCatalogueState, getPersonas, getPersonaVersions, putPersona } from '../graph/catalogue/index.ts';
import type { Graph } from '../graph/index.ts';
import { createCatalogueCache } from '../services/catalogue-cache.ts';
import { openRestCaller } from './rest-caller.ts';
import { type Findings, median, quantile } from './result.ts';
import { loadServer, serverFigures, turnDuration } from './server-load.ts';
import { runCallsFor, sideBySide } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';

const PERSONAS = 35;
const MANY = 10_000;
const LOADS = 5;
const QUERIES = 50;
const IN_FLIGHT = 64;
const REPETITIONS = 5;
const TURN_MS = turnDuration(1_000);
const MIX_MS = 5 * TURN_MS;
const WRITES = 0.01;
/** Of the seed: what its own report says. */
const SEED = { load: 500, query: 50, cached: 100, hits: 95 };
const GOALS = { load: 500, query: 50, cached: 5, misses: 5, stale: 2_000 };

const content = (n: number) => ({
  ...{ display_name: `Agent ${n}`, role: `Does task ${n}`, persona_type: 'standard' },
  system_prompt: `You do task ${n}. `.repeat(60),
  ...{ context: null, response_format: null, expertise: ['benchmarks'] },
});

export const catalogueBenchmark = {
  name: 'catalogue',
  title: "The catalogue of agents' personas against a bare Hono route, and the seed's figures",
  conditions:
    `Personas of about 1 KiB. Load: everything into an empty cache, ${LOADS} times, from a Neo4j of its own. Serving: \`GET /personas/{name}\` of ${PERSONAS} personas, ${IN_FLIGHT} ` +
    `in flight, ${REPETITIONS} turns of ${TURN_MS / 1_000} s; bare: a Hono route that returns the same object from a map. Mix: ${IN_FLIGHT} callers of three API processes for ` +
    `${MIX_MS / 1_000} s, names by Zipf's law, 1 % of the calls change a persona; lag: for how long the first write that an answer lacks had been acknowledged when it was asked for`,
  async run(system: BenchSystem): Promise<Findings> {
    const loads = await measureLoads(system);
    const names = await addPersonas(system.graph);
    const apis = await Promise.all([1, 2, 3].map(() => system.startApi({ RATE_LIMIT_SERVICE: '0' })));
    const [first] = apis;
    if (first === undefined) throw new Error('no API was started');
    const bare = await system.startBare('catalogue-server', { HTTP_PORT: 0 }, { PERSONAS: first.ready.http });
    try {
      system.log('catalogue, serving…');
      const sides = {
        persona: openRestCaller(String(first.ready.http), IN_FLIGHT),
        bare: openRestCaller(String(bare.ready.http), IN_FLIGHT),
      };
      const turn = (side: 'persona' | 'bare', pid: number) => () =>
        loadServer({ ms: TURN_MS, inFlight: IN_FLIGHT, pid }, (n) =>
          sides[side].get(`/personas/${names[n % names.length]}`),
        );
      await sideBySide(turn('persona', first.pid), turn('bare', bare.pid), 2);
      const turns = await sideBySide(turn('persona', first.pid), turn('bare', bare.pid), REPETITIONS);
      for (const side of Object.values(sides)) side.close();
      system.log('catalogue, mix…');
      const mix = await runMix(
        apis.map(({ ready }) => String(ready.http)),
        names,
      );
      const cached = median(turns.persona.map(({ p99 }) => p99));
      const count = (what: string, value: number, atMost: number) => ({ what, value: round(value), atMost });
      return {
        comparisons: serverFigures(`${IN_FLIGHT} in flight`, turns),
        counts: [
          count(`load of ${PERSONAS} personas (ms)`, loads.few, GOALS.load),
          count(`load of ${MANY} personas (ms)`, loads.many, GOALS.load),
          count(`query of the state of ${MANY} (ms)`, loads.state, GOALS.query),
          count(`query of the versions of ${MANY} (ms)`, loads.versions, GOALS.query),
          count(`query of one of ${MANY} (ms)`, loads.one, GOALS.query),
          count(`cached, p99 at ${IN_FLIGHT} in flight (ms)`, cached, GOALS.cached),
          count('reads that are not answered from memory (%)', 100 - mix.hits, GOALS.misses),
          count('longest lag of any answer (ms)', mix.lag, GOALS.stale),
        ],
        tables: [
          {
            head: ['beside the seed', 'Persona', 'the seed: at most, about'],
            rows: [
              [`load of ${PERSONAS} (ms)`, loads.few, SEED.load],
              ['query of the database (ms)', Math.max(loads.state, loads.versions, loads.one), SEED.query],
              ['cached answer, p99 (ms)', cached, SEED.cached],
              ['hit ratio (%)', mix.hits, SEED.hits],
            ],
          },
        ],
      };
    } finally {
      await Promise.all([...apis, bare].map((program) => program.stop()));
    }
  },
};

const round = (value: number) => Math.round(value * 10) / 10;

async function measureLoads({ startGraph, log }: BenchSystem) {
  log(`catalogue, loading ${PERSONAS} and ${MANY} personas…`);
  const { graph, stop } = await startGraph('catalogue', {});
  try {
    await writePersonas(graph, 0, PERSONAS);
    const few = await loadTime(graph);
    for (let start = PERSONAS; start < MANY; start += 1_000)
      await writePersonas(graph, start, Math.min(MANY, start + 1_000));
    const many = await loadTime(graph);
    return {
      ...{ few, many },
      state: await queryTime(() => getCatalogueState(graph)),
      versions: await queryTime(() => getPersonaVersions(graph)),
      one: await queryTime((n) => getPersonas(graph, [`agent-${n}`])),
    };
  } finally {
    await stop();
  }
}

async function queryTime(query: (n: number) => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < QUERIES; n += 1) {
    const startedAt = performance.now();
    await query(n);
    times.push(performance.now() - startedAt);
  }
  return median(times);
}

async function writePersonas(graph: Graph, from: number, to: number): Promise<void> {
  const personas = Array.from({ length: to - from }, (_, n) => ({
    name: `agent-${from + n}`,
    ...content(from + n),
  }));
  await graph.read(
    `UNWIND $personas AS persona
     CREATE (p:AgentPersona)
     SET p += persona, p.version = 1, p.is_active = true, p.created_at = datetime(), p.updated_at = datetime()`,
    { personas },
  );
}

async function loadTime(graph: Graph): Promise<number> {
  const times: number[] = [];
  await getPersonas(graph);
  for (let n = 0; n < LOADS; n += 1) {
    const cache = createCatalogueCache(graph, { onRead() {}, onRefreshed() {} });
    const startedAt = performance.now();
    await cache.refresh();
    times.push(performance.now() - startedAt);
  }
  return median(times);
}

async function addPersonas(graph: Graph): Promise<string[]> {
  const names = Array.from({ length: PERSONAS }, (_, n) => `bench-${n}`);
  for (const [n, name] of names.entries()) {
    const header = {
      caller: 'bench',
      actor: 'bench',
      correlationId: 'bench',
      occurredAt: new Date().toISOString(),
    };
    const input = { name, content: content(n), may_create: true, reason: null };
    await putPersona(graph, { ...header, idempotencyKey: randomUUID() }, input);
  }
  return names;
}

async function runMix(apis: readonly string[], names: readonly string[]) {
  const acknowledged = new Map(names.map((name) => [name, [] as { version: number; at: number }[]]));
  const writing = new Set<string>();
  const lags: number[] = [];
  const callers = apis.map((api) => openRestCaller(api, IN_FLIGHT));
  // The popularity of the n-th name is 1/n.
  const shares = names.map((_, n) => 1 / (n + 1));
  const whole = shares.reduce((sum, share) => sum + share, 0);
  const draw = () => {
    let left = Math.random() * whole;
    return names.find((_, n) => (left -= shares[n] ?? 0) <= 0) ?? names[0] ?? '';
  };
  await runCallsFor(MIX_MS, IN_FLIGHT, async (n) => {
    const name = draw();
    const api = n % apis.length;
    if (Math.random() < WRITES && !writing.has(name)) {
      writing.add(name);
      const body = { ...content(n), context: undefined, response_format: undefined };
      const response = await fetch(`${apis[api]}/personas/${name}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json', 'if-match': '*' },
        body: JSON.stringify(body),
      });
      const { version } = (await response.json()) as { version: number };
      acknowledged.get(name)?.push({ version, at: performance.now() });
      writing.delete(name);
      return;
    }
    const askedAt = performance.now();
    const { version } = JSON.parse((await callers[api]?.get(`/personas/${name}`)) ?? '{}') as {
      version: number;
    };
    const lacking = acknowledged.get(name)?.find((write) => write.version > version && write.at < askedAt);
    lags.push(lacking === undefined ? 0 : askedAt - lacking.at);
  });
  const ratios = await Promise.all(
    apis.map(async (api) => {
      const health = (await (await fetch(`${api}/health`)).json()) as { cache: { hit_ratio: number } };
      return health.cache.hit_ratio * 100;
    }),
  );
  for (const caller of callers) caller.close();
  return {
    lag: quantile(lags, 1),
    hits: Math.min(...ratios),
  };
}
