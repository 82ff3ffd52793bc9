import { getCustomerProfile, getPaymentMethod } from '../graph/index.ts';
import { addPaymentMethod } from './add-payment-method.ts';
import { getAddresses, getDevices } from './belongings.ts';
import { removePaymentMethod, updatePaymentMethod } from './change-payment-method.ts';
import { createContextReader } from './context.ts';
import { findCustomerByDigitalId, getCustomer } from './customers.ts';
import { dependencyStates } from './dependencies.ts';
import type { ServiceDeps } from './deps.ts';
import { updateDeviceTrust } from './device-trust.ts';
import { findConnectedCustomers, findCustomersByUsage } from './findings.ts';
import { onboard } from './onboard.ts';
import { getRecoveries, getRecovery } from './recoveries.ts';
import {
  addRelationship,
  getRelationshipAttributes,
  updateNodeProperty,
  updateRelationshipAttribute,
} from './relationships.ts';
import { reportFraudOutcome } from './report-fraud-outcome.ts';
import { reportPaymentFailure } from './report-payment-failure.ts';
import { reportPaymentSettled } from './report-payment-settled.ts';
import type { Services } from './services.ts';
import { takeStripeWebhook } from './stripe-webhook.ts';
import { getTimeline } from './timeline.ts';
import { getPaymentMethods } from './wallet.ts';

/** @param onContextRead is told what the context cache did */
export function createServices(
  deps: ServiceDeps,
  onContextRead: (result: 'hit' | 'miss' | 'bypass') => void,
): Services {
  return {
    onboard: (caller, request) => onboard(deps, caller, request),
    getContext: createContextReader(deps, onContextRead),
    updateDeviceTrust: (caller, request) => updateDeviceTrust(deps, caller, request),
    reportPaymentFailure: (caller, message) => reportPaymentFailure(deps, caller, message),
    reportPaymentSettled: (caller, message) => reportPaymentSettled(deps, caller, message),
    reportFraudOutcome: (caller, message) => reportFraudOutcome(deps, caller, message),
    addPaymentMethod: (caller, method) => addPaymentMethod(deps, caller, method),
    updatePaymentMethod: (caller, edit) => updatePaymentMethod(deps, caller, edit),
    removePaymentMethod: (caller, edit) => removePaymentMethod(deps, caller, edit),
    getPaymentMethods: (_, request) => getPaymentMethods(deps, request),
    getPaymentMethod: (_, ids) => getPaymentMethod(deps.graph, ids),
    getProfile: (_, ids) => getCustomerProfile(deps.graph, ids),
    getRecovery: (_, ids) => getRecovery(deps, ids),
    getRecoveries: (_, request) => getRecoveries(deps, request),
    takeStripeWebhook: (caller, webhook) => takeStripeWebhook(deps, caller, webhook),
    getTimeline: (_, request) => getTimeline(deps, request),
    getCustomer: (_, ids) => getCustomer(deps, ids),
    findCustomerByDigitalId: (_, identifier) => findCustomerByDigitalId(deps, identifier),
    getDevices: (_, request) => getDevices(deps, request),
    getAddresses: (_, request) => getAddresses(deps, request),
    getRelationshipAttributes: (_, relationship) => getRelationshipAttributes(deps, relationship),
    addRelationship: (caller, relationship) => addRelationship(deps, caller, relationship),
    updateRelationshipAttribute: (caller, change) => updateRelationshipAttribute(deps, caller, change),
    updateNodeProperty: (caller, change) => updateNodeProperty(deps, caller, change),
    findCustomersByUsage: (_, request) => findCustomersByUsage(deps, request),
    findConnectedCustomers: (_, request) => findConnectedCustomers(deps, request),
    dependencies: () => dependencyStates(deps),
  };
}
