/** What the parts of the comparison with the gateway have in common. */

import type { GatewayChange } from '../domain/processes.ts';
import type { Policy } from '../domain/policy.ts';
import type { GatewayRecords } from '../domain/reconciliation/records.ts';
import type { CommandHeader, Graph } from '../graph/index.ts';
import { headerOf, onceInActivity } from './header.ts';
import type { TellRecoveries } from './recovery.ts';
import type { SendReport } from './sweep.ts';

/** Has something read at the gateway, and written down. */
export type FollowChange = (customerId: string | undefined, change: GatewayChange) => Promise<void>;

export interface ReconcileDependencies {
  graph: Graph;
  records: GatewayRecords;
  policy: Pick<Policy, 'reconcile'>;
  followChange: FollowChange;
  sendReport: SendReport;
  tellRecoveries: TellRecoveries;
  /** Epoch milliseconds. */
  now: () => number;
}

/** The source of every event that a comparison leads to. */
export const RECONCILIATION = 'reconciliation';

/** @param key what is done; once in an activity */
export function reconciliationHeader(key: string, now: number): CommandHeader {
  const header = headerOf(onceInActivity(key), {
    occurredAt: new Date(now).toISOString(),
    actor: RECONCILIATION,
  });
  return { ...header, caller: RECONCILIATION };
}
