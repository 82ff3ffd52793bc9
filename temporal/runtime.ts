import { createServer } from 'node:net';
import { type LogLevel, Runtime, type Logger as TemporalLogger } from '@temporalio/worker';
import type { Logger } from '../platform/logs.ts';
import { fieldsOf } from './log-fields.ts';

/** Pino has no `log(level, …)`, and takes the fields before the message. */
const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/** Log lines of the SDK whose level differs here. */
const LEVEL_OVERRIDES: Readonly<Record<string, LogLevel>> = {
  // A process's milestones; not logged during replay.
  'Workflow started': 'INFO',
  'Workflow completed': 'INFO',
  'Workflow completed as cancelled': 'INFO',
  'Workflow continued as new': 'INFO',
  // Expected: a queue with activities only, such as the gateway's.
  'No workflows registered, not polling for workflow tasks': 'DEBUG',
};

/**
 * Installs the SDK's native runtime; call it once, before any other use of the SDK. Its logs go to Persona's logger, its
 * metrics to a separate loopback port, and process signals are left to Persona's shutdown.
 *
 * @returns `metrics`: reads the metrics in Prometheus format, durations in seconds
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

/** Adapts Persona's logger to the SDK's interface, with Persona's field names. */
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

/** Needed because the SDK does not report which port it bound for 0. */
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
