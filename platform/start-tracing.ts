import { trace } from '@opentelemetry/api';
import type { Policy } from '../domain/policy.ts';
import type { TraceEnvironment } from './environment.ts';
import type { Logger } from './logs.ts';
import type { Shutdown } from './shutdown.ts';
import { setTracer } from './tracing.ts';

/** For the last spans; a collector that is away must not delay the end of a process. */
const FLUSH_MS = 3_000;

/**
 * Starts exporting traces, if the environment names a collector; call it before anything that is traced is created.
 *
 * @param shutdown gets the last step: everything else may still end its spans
 */
export async function startTracing(
  environment: TraceEnvironment | undefined,
  policy: Policy['traces'],
  { logger, shutdown }: { logger: Logger; shutdown: Pick<Shutdown, 'add'> },
): Promise<void> {
  if (environment === undefined) return;
  // Loaded only when needed: it takes memory, and time at the start.
  const { createTraceProvider } = await import('./trace-exporter.ts');
  const provider = createTraceProvider(environment, policy, logger);
  setTracer(trace.getTracer('persona'));
  shutdown.add('traces', async () => {
    setTracer(undefined);
    await Promise.race([
      provider.shutdown().catch(() => {}),
      new Promise((resolve) => setTimeout(resolve, FLUSH_MS).unref()),
    ]);
  });
}
