/** The graph's public interface: commands, queries, and what a composition root needs to open it. */

export { isSameRequest, requestHash } from './kernel/body-hash.ts';
export type { CommandHeader } from './kernel/command-header.ts';
export type { Reader } from './kernel/reader.ts';
export { runCommand } from './kernel/command.ts';
export type { CommandTx, CustomerNode, DeviceNode, NewEvent } from './kernel/command-tx.ts';
export { addAddress, removeAddress, updateAddress } from './addresses/edit-address.ts';
export { applyAnalyticsFeedback } from './customers/apply-analytics-feedback.ts';
export { createCustomer } from './customers/create-customer.ts';
export { linkBehavioralProfile } from './customers/link-behavioral-profile.ts';
export type { Requester } from './customers/lock-owner.ts';
export { resolveIdentityMatch } from './customers/resolve-identity-match.ts';
export { setCustomerStatus } from './customers/set-customer-status.ts';
export { updateCustomer } from './customers/update-customer.ts';
export {
  type DailyDisclosure,
  type DisclosureSummary,
  getDisclosures,
  recordDisclosures,
} from './disclosures/disclosures.ts';
export { linkDevice, recordDeviceLogin } from './devices/link-device.ts';
export type { TrustScoreResult, TrustScoreUpdate } from './devices/update-trust-score.ts';
export { updateDeviceTrustScore } from './devices/update-trust-score.ts';
export {
  addDigitalIdentifier,
  removeDigitalIdentifier,
  verifyDigitalIdentifier,
} from './identifiers/edit-identifier.ts';
export { recordGatewayEvent, wasReceived } from './gateway-events.ts';
export { applyFraudOutcome, type FraudResult } from './fraud/apply-fraud-outcome.ts';
export {
  findNewestFraudCase,
  findSuspensionNoticesDue,
  type FraudReview,
  getFraudCase,
  getFraudReviews,
  requireFraudCase,
} from './fraud/queries.ts';
export { decideFraudReview, remindOfFraudReview } from './fraud/review.ts';
export type { Graph, GraphOptions } from './kernel/graph.ts';
export { MAX_CONNECTIONS } from './kernel/graph.ts';
export { isGraphAway, isGraphFault } from './kernel/errors.ts';
export type { OperationGuards } from './kernel/operation-guards.ts';
export { LOCAL_COMMAND_MS, READ_MS } from './kernel/time-limits.ts';
export { openConfiguredGraph, openGraph, prepareGraph } from './open.ts';
export { type CommittedCommand, type GraphObserver, noopObserver } from './kernel/observer.ts';
export {
  admitKeys,
  checkKeys,
  getRegisteredKeys,
  type KeyRegistration,
  unregisterKey,
} from './kernel/key-register.ts';
export { getBlindKeyUsage, getDataKeyUsage, type KeyUsage, type KeyUses } from './keys/key-usage.ts';
export { rotateBlindIndex } from './keys/rotate-blind-index.ts';
export { type RotationOptions, type RotationTotals, rotateDataKeys } from './keys/rotate-data-keys.ts';
export { migrate, missingMigrations } from './kernel/migrate.ts';
export { findKeyProblems } from './queries/stored-keys.ts';
export type { OnboardedCustomer } from './onboarding/onboard.ts';
export { onboard } from './onboarding/onboard.ts';
export type { Address } from './queries/addresses.ts';
export { getAddress, getAddresses } from './queries/addresses.ts';
export { getAlternativePaymentMethods } from './queries/alternative-payment-methods.ts';
export { awaitsBehavioralProfile } from './queries/behavioral-profile.ts';
export { getCheckout } from './queries/checkout.ts';
export type { Customer } from './queries/customer.ts';
export { getCustomer } from './queries/customer.ts';
export type { CustomerContext } from './queries/customer-context.ts';
export {
  getContextsWithoutDevices,
  getCustomerContext,
  getCustomerContexts,
} from './queries/customer-context.ts';
export type { CustomerProfile } from './queries/customer-profile.ts';
export { getCustomerProfile } from './queries/customer-profile.ts';
export type { Device } from './queries/device.ts';
export { getDevice } from './queries/device.ts';
export type { CustomerDevice } from './queries/devices.ts';
export { getDevices } from './queries/devices.ts';
export { findCustomersByDeviceFingerprint } from './queries/find-by-device.ts';
export type { FoundCustomer, Usage, UsageCursor } from './queries/find-by-usage.ts';
export { findCustomersByUsage, isUsageStart } from './queries/find-by-usage.ts';
export type { ConnectedCustomer } from './queries/find-connected.ts';
export { findConnectedCustomers } from './queries/find-connected.ts';
export { findCustomerByDigitalId } from './queries/find-customer.ts';
export { getDigitalIdentifiers } from './queries/identifiers.ts';
export type { ExpiringCard, ExpiryCursor } from './queries/method-scans.ts';
export { getAllDefaultPaymentMethods, getExpiringPaymentMethods } from './queries/method-scans.ts';
export type { NoticeRecipient, NoticeRecipients } from './queries/notice-recipients.ts';
export { getNoticeRecipients } from './queries/notice-recipients.ts';
export { getObligations } from './queries/obligations.ts';
export type { PaymentMethod } from './queries/payment-methods.ts';
export {
  getGatewayCustomer,
  isCustomer,
  getPaymentMethod,
  getPaymentMethods,
  getPaymentMethodToken,
  getPaymentOptions,
  requireVisibleCustomer,
} from './queries/payment-methods.ts';
export type { TimelineEntry } from './queries/timeline.ts';
export { getEventDetails, getTimeline } from './queries/timeline.ts';
export { annotateEvent } from './rights/annotate.ts';
export { contestEvent } from './rights/contest-event.ts';
export {
  countOverdueContests,
  findContestNoticesDue,
  getContestDecision,
  getContestForReview,
  getContests,
  getContestState,
  getOpenContests,
  type OpenContest,
} from './rights/contests.ts';
export { decideContest } from './rights/decide-contest.ts';
export { hasReceipt } from './kernel/receipts.ts';
export { withRollback } from './kernel/with-rollback.ts';
export { addRelationship, type NewRelationship } from './relationships/add-relationship.ts';
export type { AttributeValue, RelationshipRef } from './relationships/relationship-attributes.ts';
export { getRelationshipAttributes } from './relationships/relationship-attributes.ts';
export type { PropertyChange } from './relationships/update-node-property.ts';
export { updateNodeProperty } from './relationships/update-node-property.ts';
export type { AttributeChange } from './relationships/update-relationship-attribute.ts';
export { updateRelationshipAttribute } from './relationships/update-relationship-attribute.ts';
export type { Difference } from './events/model.ts';
export type { AddedPaymentMethod, AddPaymentMethod } from './wallet/add-payment-method.ts';
export { addPaymentMethod } from './wallet/add-payment-method.ts';
export type { EditedPaymentMethod } from './wallet/edit-payment-method.ts';
export {
  removePaymentMethod,
  setDefaultPaymentMethod,
  setOffSessionConsent,
  updatePaymentMethodStatus,
} from './wallet/edit-payment-method.ts';
export { followPaymentMethod, type FollowedMethod } from './wallet/follow-payment-method.ts';
export { findKnownMethod, type KnownMethod } from './wallet/known-method.ts';
export { type CardHolder, findCardHolders, recordDispute } from './wallet/record-dispute.ts';
export { recordPaymentMethodUse } from './wallet/record-use.ts';
export type { MethodUpdateRequest } from './wallet/request-method-update.ts';
export { requestMethodUpdate } from './wallet/request-method-update.ts';
export { completeMethodUpdate } from './wallet/complete-method-update.ts';
export { updatePaymentMethod } from './wallet/update-payment-method.ts';
export type { Verification, VerifiedPaymentMethod } from './wallet/record-verification.ts';
export { recordVerification } from './wallet/record-verification.ts';
export type { WalletMethod } from './wallet/wallet.ts';
export { readWallet } from './wallet/wallet.ts';
