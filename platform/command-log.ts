/** One log line per step that a process took: each command that changed something, once it is committed. */

import type { CommittedCommand } from './business-metrics.ts';
import type { Logger } from './logs.ts';

/** Where the step was taken: `workflow_id` and whatever else finds its line. */
export type LogContext = Readonly<Record<string, string | number | undefined>>;

/** Ids and the names of what happened; never what stands in an event. */
export function logCommand(logger: Logger, command: CommittedCommand, logContext: LogContext): void {
  const { name, header, events } = command;
  const line = {
    command: name,
    events: events.map(({ type }) => type),
    ...logContext,
    ...subjectOf(command),
    correlation_id: header.correlationId,
  };
  // Receipts alone: whoever asked has a line of their own.
  if (events.length === 0) logger.debug(line, 'nothing new');
  else logger.info(line, 'written');
}

function subjectOf({ name, header, events }: CommittedCommand): LogContext {
  const [customer] = events.filter(({ stream }) => stream === 'customer');
  const [device] = events.filter(({ stream }) => stream === 'device');
  const [payment] = events.flatMap(({ data }) => ('payment_id' in data ? [data.payment_id] : []));
  return {
    // The key of an onboarding is its transaction.
    ...(name === 'onboard' && { transaction_id: header.idempotencyKey }),
    ...(customer && { customer_id: customer.stream_id }),
    ...(device && { device_id: device.stream_id }),
    ...(typeof payment === 'string' && { payment_id: payment }),
  };
}
