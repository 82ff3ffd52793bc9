import { createServer } from 'node:net';
import { type LogLevel, Runtime, type Logger as TemporalLogger } from '@temporalio/worker';
import type { Logger } from '../platform/logs.ts';
import { fieldsOf } from './log-fields.ts';

/** Pino has no `log(level, …)`, and wants its fields before the message. */
const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/** The SDK's own lines that mean more, or less, here than it thinks. */
const LEVEL_OVERRIDES: Readonly<Record<string, LogLevel>> = {
  // A process's milestones; they are left out when its history is replayed.
  'Workflow started': 'INFO',
  'Workflow completed': 'INFO',
  'Workflow completed as cancelled': 'INFO',
  'Workflow continued as new': 'INFO',
  // On purpose: a queue of activities alone, as the gateway's.
  'No workflows registered, not polling for workflow tasks': 'DEBUG',
};

/**
 * Sets up the SDK's native side, once and before anything else of the SDK: its logs go to ours, its metrics to a port
 * of their own on loopback, and signals are left to our own shutdown.
 *
 * @returns reads the metrics in Prometheus' format, durations in seconds
 */
export async function installRuntime(logger: Logger): Promise<{ metrics: () => Promise<string> }> {
  const bindAddress = `127.0.0.1:${await freePort()}`;
  Runtime.install({
    logger: asTemporalLogger(logger),
    shutdownSignals: [],
    telemetryOptions: {
      logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } },
      metrics: {
        prometheus: {
          bindAddress,
          useSecondsForDurations: true,
          unitSuffix: true,
          countersTotalSuffix: true,
        },
      },
    },
  });
  return { metrics: async () => await (await fetch(`http://${bindAddress}/metrics`)).text() };
}

/** Our logger in the shape that the SDK wants, with our names for its fields. */
export function asTemporalLogger(logger: Logger): TemporalLogger {
  const log = (level: LogLevel, message: string, { error, ...fields }: Record<string, unknown> = {}) =>
    logger[LEVELS[LEVEL_OVERRIDES[message] ?? level]](
      { ...fieldsOf(fields), ...(error === undefined ? {} : { err: error }) },
      message,
    );
  return {
    log,
    trace: (message, fields) => log('TRACE', message, fields),
    debug: (message, fields) => log('DEBUG', message, fields),
    info: (message, fields) => log('INFO', message, fields),
    warn: (message, fields) => log('WARN', message, fields),
    error: (message, fields) => log('ERROR', message, fields),
  };
}

/** The SDK does not tell which port it took for 0. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('No free port on 127.0.0.1');
  return address.port;
}
