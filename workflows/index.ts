/** The workflow bundle: every process, and nothing but the processes. */

export { addPaymentMethod } from './add-payment-method.ts';
export { followGateway } from './follow-gateway.ts';
export { onboardCustomer } from './onboard-customer.ts';
export { reconcilePaymentMethods } from './reconcile-payment-methods.ts';
export { recoverPayment } from './recover-payment.ts';
export { refundPayment } from './refund-payment.ts';
export { reportFraud } from './report-fraud.ts';
export { sendNotice } from './send-notice.ts';
export { sweepObligations } from './sweep-obligations.ts';
