import { DefaultLogger, type LogEntry, Runtime } from '@temporalio/worker';

let installed = false;

/** Installs the SDK's native runtime for tests, once per process, as the SDK requires. */
export function installRuntime(): void {
  if (installed) return;
  installed = true;
  Runtime.install({
    logger: new DefaultLogger('WARN', logUnexpected),
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } },
    shutdownSignals: [],
  });
}

/** Many tests expect failing activities and workflows; none expects failing workflow tasks, which make a test hang. */
function logUnexpected(entry: LogEntry): void {
  if (EXPECTED.some((start) => entry.message.startsWith(start))) return;
  console.error(entry.level, entry.message, entry.meta?.error ?? '');
}

const EXPECTED = [
  'Activity failed',
  'Workflow failed',
  'No activities registered',
  'No workflows registered',
  // The time-skipping server reports an old version; nothing here heartbeats.
  'Temporal Server 1.16.0 or newer is required',
];
