import type { ServiceDeps } from './deps.ts';

/**
 * What the API is asked for, and what each of it needs: customers are read and edited in the graph alone, and only what a
 * process carries out needs Temporal.
 */
export const NEEDS = { reads: ['neo4j'], processes: ['neo4j', 'temporal'] } as const;
export type Role = keyof typeof NEEDS;

/** A server that takes longer is as good as down. */
const PATIENCE_MS = 2_000;

/** Which of the servers that the services need answer now. */
export async function dependencyStates({
  graph,
  temporal,
}: Pick<ServiceDeps, 'graph' | 'temporal'>): Promise<Record<string, 'up' | 'down'>> {
  const [neo4j, temporalServer] = await Promise.all([
    stateOf(graph.verifyConnectivity()),
    stateOf(
      temporal.withDeadline(new Date(Date.now() + PATIENCE_MS), () =>
        temporal.workflowService.getSystemInfo({}),
      ),
    ),
  ]);
  return { neo4j, temporal: temporalServer };
}

async function stateOf(question: Promise<unknown>): Promise<'up' | 'down'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'down'>((resolve) => {
    timer = setTimeout(() => resolve('down'), PATIENCE_MS);
  });
  const answered = question.then(
    () => 'up' as const,
    () => 'down' as const,
  );
  try {
    return await Promise.race([answered, late]);
  } finally {
    clearTimeout(timer);
  }
}
