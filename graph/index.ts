/** The graph's public face: commands, queries, and what a composition root needs to open it. */

export { isSameRequest } from './body-hash.ts';
export type { CommandHeader } from './command.ts';
export { runCommand } from './command.ts';
export type { CommandTx, CustomerNode, DeviceNode, NewEvent } from './command-tx.ts';
export { linkBehavioralProfile } from './customers/link-behavioral-profile.ts';
export { setCustomerStatus } from './customers/set-customer-status.ts';
export type { TrustScoreResult, TrustScoreUpdate } from './devices/update-trust-score.ts';
export { updateDeviceTrustScore } from './devices/update-trust-score.ts';
export type { Graph, GraphOptions, Reader } from './graph.ts';
export { openGraph } from './graph.ts';
export { migrate, missingMigrations } from './migrate.ts';
export { unreadableKeys } from './queries/stored-keys.ts';
export type { Onboarded } from './onboarding/onboard.ts';
export { onboard } from './onboarding/onboard.ts';
export { alternativesOf } from './queries/alternative-payment-methods.ts';
export { hasBehavioralProfile } from './queries/behavioral-profile.ts';
export type { CustomerContext } from './queries/customer-context.ts';
export { getCustomerContext } from './queries/customer-context.ts';
export type { CustomerProfile } from './queries/customer-profile.ts';
export { getCustomerProfile } from './queries/customer-profile.ts';
export type { Device } from './queries/device.ts';
export { getDevice } from './queries/device.ts';
export { findCustomerByDigitalId } from './queries/find-customer.ts';
export type { NoticeRecipient, NoticeRecipients } from './queries/notice-recipients.ts';
export { getNoticeRecipients } from './queries/notice-recipients.ts';
export type { PaymentMethod } from './queries/payment-methods.ts';
export {
  getGatewayCustomer,
  getPaymentMethod,
  getPaymentMethods,
  getPaymentMethodToken,
} from './queries/payment-methods.ts';
export type { TimelineEntry } from './queries/timeline.ts';
export { getTimeline } from './queries/timeline.ts';
export { rehearse } from './rehearsal.ts';
export type { Difference } from './replay/model.ts';
export type { AddedPaymentMethod, AddPaymentMethod } from './wallet/add-payment-method.ts';
export { addPaymentMethod } from './wallet/add-payment-method.ts';
export type { Edited } from './wallet/edit-payment-method.ts';
export {
  setDefaultPaymentMethod,
  setOffSessionConsent,
  updatePaymentMethodStatus,
} from './wallet/edit-payment-method.ts';
export type { Verification, Verified } from './wallet/record-verification.ts';
export { recordVerification } from './wallet/record-verification.ts';
export type { WalletMethod } from './wallet/wallet.ts';
export { readWallet } from './wallet/wallet.ts';
