/** The workflow bundle: every process, and nothing but the processes. */

export { addPaymentMethod } from './add-payment-method.ts';
export { applyFraudOutcome } from './apply-fraud-outcome.ts';
export { expireReceipts } from './expire-receipts.ts';
export { followGateway } from './follow-gateway.ts';
export { monitorExpiringCards } from './monitor-expiring-cards.ts';
export { onboardCustomer } from './onboard-customer.ts';
export { reconcilePaymentMethods } from './reconcile-payment-methods.ts';
export { recoverPayment } from './recover-payment.ts';
export { refundPayment } from './refund-payment.ts';
export { removePaymentMethod } from './remove-payment-method.ts';
export { reportFraud } from './report-fraud.ts';
export { sendNotice } from './send-notice.ts';
export { sweepObligations } from './sweep-obligations.ts';
export { updatePaymentMethod } from './update-payment-method.ts';
