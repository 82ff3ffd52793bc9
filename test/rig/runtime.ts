import { DefaultLogger, type LogEntry, Runtime } from '@temporalio/worker';

let installed = false;

/** Sets up the SDK's native side for tests: once per process, as it demands. */
export function installRuntime(): void {
  if (installed) return;
  installed = true;
  Runtime.install({
    logger: new DefaultLogger('WARN', logUnexpected),
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } },
    shutdownSignals: [],
  });
}

/** Failing activities and workflows belong to many tests; failing workflow tasks to none: they say why a test hangs. */
function logUnexpected(entry: LogEntry): void {
  if (EXPECTED.some((start) => entry.message.startsWith(start))) return;
  console.error(entry.level, entry.message, entry.meta?.error ?? '');
}

const EXPECTED = [
  'Activity failed',
  'Workflow failed',
  'No activities registered',
  'No workflows registered',
  // The time-skipping server is old in this; nothing here heartbeats.
  'Temporal Server 1.16.0 or newer is required',
];
