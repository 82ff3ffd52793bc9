/** The erasure of customers. */

export { applyJournal, type AppliedJournal } from './apply-journal.ts';
export {
  type Erasure,
  type ErasureSubject,
  countOverdueErasures,
  findErasure,
  findErasureTakenBack,
  findRunningErasures,
  finishErasure,
  getErasure,
  markStep,
  readErasureSubject,
  requestErasure,
  setWaiting,
} from './erasures.ts';
export { findErasureOf } from './erased-customer.ts';
export { forgetCustomer } from './forget.ts';
export { announceErasure, hideCustomer, takeBackErasure } from './hide-customer.ts';
export { isOnboardedBy } from './onboarded.ts';
export { readGatewayData, type GatewayData } from './gateway-data.ts';
export { findUnsettled } from './unsettled.ts';
export { verifyErasures, type ErasureProof } from './verify-erasures.ts';
