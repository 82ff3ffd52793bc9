import type { ServiceDependencies } from './service-dependencies.ts';

/**
 * The API's roles and the servers that each requires: customers are read and edited in the graph alone, and only
 * requests that are executed by a process require Temporal.
 */
export const REQUIRED_DEPENDENCIES = { reads: ['neo4j'], processes: ['neo4j', 'temporal'] } as const;
export type Role = keyof typeof REQUIRED_DEPENDENCIES;

/** A server that takes longer counts as down. */
const CHECK_TIMEOUT_MS = 2_000;
/** Probes of any number of load balancers, which need no token, cost the servers four checks a second. */
const REMEMBERED_MS = 250;

/**
 * The same check, for many callers: concurrent ones share a run, and its result is repeated.
 * @param rememberedMs for how long
 */
export function sharedCheck<T>(check: () => Promise<T>, rememberedMs = REMEMBERED_MS): () => Promise<T> {
  let last: Promise<T> | undefined;
  return () => {
    if (last !== undefined) return last;
    const running = check();
    last = running;
    const forget = () => {
      last = undefined;
    };
    void running.then(() => setTimeout(forget, rememberedMs).unref(), forget);
    return running;
  };
}

/** Which of the servers that the services require respond now. */
export async function dependencyStates({
  graph,
  temporal,
}: Pick<ServiceDependencies, 'graph' | 'temporal'>): Promise<Record<string, 'up' | 'down'>> {
  return statesOf({
    neo4j: () => graph.verifyConnectivity(),
    temporal: () =>
      temporal.withDeadline(new Date(Date.now() + CHECK_TIMEOUT_MS), () =>
        temporal.workflowService.getSystemInfo({}),
      ),
  });
}

/** The state of each server: `down` also if its check takes too long. */
export async function statesOf(
  checks: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<Record<string, 'up' | 'down'>> {
  const states = Object.entries(checks).map(async ([name, check]) => [name, await stateOf(check())]);
  return Object.fromEntries(await Promise.all(states)) as Record<string, 'up' | 'down'>;
}

async function stateOf(check: Promise<unknown>): Promise<'up' | 'down'> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<'down'>((resolve) => {
    timer = setTimeout(() => resolve('down'), CHECK_TIMEOUT_MS);
  });
  const reply = check.then(
    () => 'up' as const,
    () => 'down' as const,
  );
  try {
    return await Promise.race([reply, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
