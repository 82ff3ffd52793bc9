/** The activities of the reconciliation. Each may run twice and corrects once. */

import { nextPass, quotaOf } from '../domain/reconciliation/pace.ts';
import {
  countCustomers,
  getComparedUntil,
  getCustomersToReconcile,
  getDevicesToReconcile,
  getPass,
  savePass,
  repairVersion,
} from '../graph/reconciliation/index.ts';
import type { ReconcileActivities } from '../workflows/reconcile-payment-methods.ts';
import { type ReconcileDependencies, reconciliationHeader } from './reconciliation-dependencies.ts';
import { createRecordComparison } from './reconcile-records.ts';
import { runSlice } from './reconciliation-slices.ts';
import { forEachConcurrently } from './concurrency.ts';
import { createWalletComparison, ignoreGone } from './reconcile-wallet.ts';

const DAY_MS = 86_400_000;
/** Recent changes are excluded: they reach the graph by themselves. */
const SETTLING_MS = 15 * 60_000;
/** Spans overlap, because the gateway's clock may differ. */
const OVERLAP_MS = 60 * 60_000;
const CUSTOMERS_PER_PAGE = 50;
const DEVICES_PER_PAGE = 1_000;

export function createReconcileActivities(dependencies: ReconcileDependencies): ReconcileActivities {
  const { graph, policy, now } = dependencies;
  const { cycle } = policy.reconcile;
  const compareRecord = createRecordComparison(dependencies);

  return {
    async planReconciliation({ all }) {
      const at = now();
      const until = at - SETTLING_MS;
      const [storedPass, compared, customers] = await Promise.all([
        getPass(graph),
        getComparedUntil(graph),
        countCustomers(graph),
      ]);
      const pass = all || storedPass === undefined ? nextPass(undefined, cycle, at) : storedPass;
      const quota = all ? Infinity : quotaOf(pass, customers, cycle, at);
      return {
        charges: { since: Math.min(compared ?? at - DAY_MS, until) - OVERLAP_MS, until },
        // A refund may fail, and a dispute be decided, days after it was created.
        changes: { since: at - cycle - OVERLAP_MS, until },
        pass,
        quota: quota === Infinity ? null : quota,
        // A comparison of all wallets does not change when each is due again.
        keep: !all,
      };
    },

    compareRecords: (slice) => compareRecord(slice),

    async compareWallets({ after: start, done, plan, dry_run }) {
      const compareWallet = createWalletComparison(dependencies, dry_run);
      const { pass, quota, keep } = plan;
      let reached = start;
      let isPassComplete = false;
      let total = done;
      const result = await runSlice(start, async (after, compared, collector) => {
        const left =
          quota === null ? CUSTOMERS_PER_PAGE : Math.min(CUSTOMERS_PER_PAGE, quota - done - compared);
        const customers = left > 0 ? await getCustomersToReconcile(graph, { after, limit: left }) : [];
        await forEachConcurrently(customers, (customer) => compareWallet(customer, collector));
        reached = customers.at(-1)?.customer_id ?? after;
        total = done + compared + customers.length;
        isPassComplete = left > 0 && customers.length < left;
        const over = isPassComplete || left <= 0 || total === quota;
        return { compared: customers.length, ...(!over && { next: reached }) };
      });
      if (keep && !dry_run) {
        const at = now();
        const updatedPass = isPassComplete
          ? nextPass(pass, cycle, at)
          : { ...pass, after: reached, done: pass.done + total };
        await savePass(graph, reconciliationHeader('keep:wallets', at), updatedPass);
      }
      return result;
    },

    checkDevices: ({ after: start, dry_run }) =>
      runSlice(start, async (after, _, collector) => {
        const devices = await getDevicesToReconcile(graph, { after, limit: DEVICES_PER_PAGE });
        for (const { device_id: id } of devices.filter((device) => !device.is_version_right)) {
          collector.add({ found: 'version', device_id: id });
          if (dry_run) continue;
          const header = reconciliationHeader(`repair:${id}`, now());
          await repairVersion(graph, header, { kind: 'device', id }).catch(ignoreGone);
        }
        const last = devices.at(-1);
        return {
          compared: devices.length,
          ...(devices.length === DEVICES_PER_PAGE && last && { next: last.device_id }),
        };
      }),
  };
}
