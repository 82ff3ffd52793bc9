/** Shared by the parts of the reconciliation. */

import type { GatewayChange } from '../domain/workflow-contracts.ts';
import type { Policy } from '../domain/policy.ts';
import type { GatewayRecords } from '../domain/reconciliation/records.ts';
import type { CommandHeader, Graph } from '../graph/index.ts';
import { headerOf, activityIdempotencyKey } from './command-header.ts';
import type { SignalRecoveries } from './recovery.ts';
import type { SendReport } from './sweep.ts';

/** Has a gateway update read at the gateway and recorded. */
export type FollowChange = (customerId: string | undefined, change: GatewayChange) => Promise<void>;

export interface ReconcileDependencies {
  graph: Graph;
  records: GatewayRecords;
  policy: Pick<Policy, 'reconcile'>;
  followChange: FollowChange;
  sendReport: SendReport;
  signalRecoveries: SignalRecoveries;
  /** Epoch milliseconds. */
  now: () => number;
}

/** The source of every event that a comparison leads to. */
export const RECONCILIATION_SOURCE = 'reconciliation';

/** @param key identifies the command within the activity */
export function reconciliationHeader(key: string, now: number): CommandHeader {
  const header = headerOf(activityIdempotencyKey(key), {
    occurredAt: new Date(now).toISOString(),
    actor: RECONCILIATION_SOURCE,
  });
  return { ...header, caller: RECONCILIATION_SOURCE };
}
