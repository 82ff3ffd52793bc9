/** The reconciliation with the gateway: what it reads, repairs and stores. */

export {
  type FoundMismatch,
  getMismatches,
  getWalletMismatches,
  recordMismatch,
  recordWalletMismatch,
} from './mismatches.ts';
export { findUnrecordedDispute, findUnrecordedRefund } from './unrecorded.ts';
export {
  deletePendingCharge,
  getComparedUntil,
  getPass,
  getPendingCharges,
  saveComparedUntil,
  savePass,
  savePendingCharge,
  type PendingCharge,
} from './progress.ts';
export { repairDefault, repairVersion } from './repair.ts';
export {
  countCustomers,
  type CustomerToReconcile,
  entriesByToken,
  getCustomersToReconcile,
  getDevicesToReconcile,
  getWalletEntries,
  type WalletEntry,
} from './wallets.ts';
