/** The comparison of the graph with the gateway. Each may run twice, and corrects once. */

import { nextPass, quotaOf } from '../domain/reconciliation/pace.ts';
import {
  countCustomers,
  getComparedUntil,
  getCustomersToReconcile,
  getDevicesToReconcile,
  getPass,
  keepPass,
  repairVersion,
} from '../graph/reconciliation/index.ts';
import type { ReconcileActivities } from '../workflows/reconcile-payment-methods.ts';
import { type ReconcileDependencies, reconciliationHeader } from './reconciliation-dependencies.ts';
import { createRecordComparison } from './reconcile-records.ts';
import { runSlice } from './reconciliation-slices.ts';
import { sideBySide } from './side-by-side.ts';
import { createWalletComparison, goneMeanwhile } from './reconcile-wallet.ts';

const DAY_MS = 86_400_000;
/** What happened a moment ago reaches the graph on its own way. */
const SETTLED_MS = 15 * 60_000;
/** Spans overlap: the gateway's clock is not ours. */
const OVERLAP_MS = 60 * 60_000;
const CUSTOMERS = 50;
const DEVICES = 1_000;

export function createReconcileActivities(deps: ReconcileDependencies): ReconcileActivities {
  const { graph, policy, now } = deps;
  const { cycle } = policy.reconcile;
  const compareRecord = createRecordComparison(deps);

  return {
    async planReconciliation({ all }) {
      const at = now();
      const until = at - SETTLED_MS;
      const [known, compared, customers] = await Promise.all([
        getPass(graph),
        getComparedUntil(graph),
        countCustomers(graph),
      ]);
      const pass = all || known === undefined ? nextPass(undefined, cycle, at) : known;
      const quota = all ? Infinity : quotaOf(pass, customers, cycle, at);
      return {
        charges: { since: Math.min(compared ?? at - DAY_MS, until) - OVERLAP_MS, until },
        // A refund fails, and a dispute is decided, days after it was made.
        changes: { since: at - cycle - OVERLAP_MS, until },
        pass,
        quota: quota === Infinity ? null : quota,
        // Every wallet at once says nothing of when each is due again.
        keep: !all,
      };
    },

    compareRecords: (slice) => compareRecord(slice),

    async compareWallets({ after: start, done, plan, dry_run }) {
      const compareWallet = createWalletComparison(deps, dry_run);
      const { pass, quota, keep } = plan;
      let reached = start;
      let ended = false;
      let total = done;
      const result = await runSlice(start, async (after, compared, finder) => {
        const left = quota === null ? CUSTOMERS : Math.min(CUSTOMERS, quota - done - compared);
        const customers = left > 0 ? await getCustomersToReconcile(graph, { after, limit: left }) : [];
        await sideBySide(customers, (customer) => compareWallet(customer, finder));
        reached = customers.at(-1)?.customer_id ?? after;
        total = done + compared + customers.length;
        ended = left > 0 && customers.length < left;
        const over = ended || left <= 0 || total === quota;
        return { compared: customers.length, ...(!over && { next: reached }) };
      });
      if (keep && !dry_run) {
        const at = now();
        const kept = ended ? nextPass(pass, cycle, at) : { ...pass, after: reached, done: pass.done + total };
        await keepPass(graph, reconciliationHeader('keep:wallets', at), kept);
      }
      return result;
    },

    checkDevices: ({ after: start, dry_run }) =>
      runSlice(start, async (after, _, finder) => {
        const devices = await getDevicesToReconcile(graph, { after, limit: DEVICES });
        for (const { device_id: id } of devices.filter((device) => !device.is_version_right)) {
          finder.found({ found: 'version', device_id: id });
          if (dry_run) continue;
          const header = reconciliationHeader(`repair:${id}`, now());
          await repairVersion(graph, header, { kind: 'device', id }).catch(goneMeanwhile);
        }
        const last = devices.at(-1);
        return {
          compared: devices.length,
          ...(devices.length === DEVICES && last && { next: last.device_id }),
        };
      }),
  };
}
