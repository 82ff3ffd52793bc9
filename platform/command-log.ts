/** One log line per committed command that changed something. */

import type { CommittedCommand } from './business-metrics.ts';
import type { Logger } from './logs.ts';

/** The context of a command: `workflow_id` and other fields by which its line is found. */
export type LogContext = Readonly<Record<string, string | number | undefined>>;

/** Logs ids and event types, never the content of an event. */
export function logCommand(logger: Logger, command: CommittedCommand, logContext: LogContext): void {
  const { name, header, events } = command;
  const line = {
    command: name,
    events: events.map(({ type }) => type),
    ...logContext,
    ...subjectOf(command),
    correlation_id: header.correlationId,
  };
  // Only a receipt: the request has its own log line.
  if (events.length === 0) logger.debug(line, 'no events');
  else logger.info(line, 'committed');
}

function subjectOf({ name, header, events }: CommittedCommand): LogContext {
  const [customer] = events.filter(({ stream }) => stream === 'customer');
  const [device] = events.filter(({ stream }) => stream === 'device');
  const [payment] = events.flatMap(({ data }) => ('payment_id' in data ? [data.payment_id] : []));
  return {
    // The idempotency key of an onboarding is its transaction id.
    ...(name === 'onboard' && { transaction_id: header.idempotencyKey }),
    ...(customer && { customer_id: customer.stream_id }),
    ...(device && { device_id: device.stream_id }),
    ...(typeof payment === 'string' && { payment_id: payment }),
  };
}
