import { getCustomerProfile, getPaymentMethod } from '../graph/index.ts';
import { addPaymentMethod } from './add-payment-method.ts';
import { getAddresses, getDevices } from './devices-and-addresses.ts';
import { removePaymentMethod, updatePaymentMethod } from './change-payment-method.ts';
import { createContextReader } from './context.ts';
import { findCustomerByDigitalId, getCustomer } from './customers.ts';
import { dependencyStates } from './dependency-states.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import { updateDeviceTrust } from './device-trust.ts';
import { findConnectedCustomers, findCustomersByUsage } from './customer-search.ts';
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
import { handleStripeWebhook } from './stripe-webhook.ts';
import { getTimeline } from './timeline.ts';
import { getPaymentMethods } from './wallet.ts';

/** @param onContextRead receives the cache result of each context read */
export function createServices(
  dependencies: ServiceDependencies,
  onContextRead: (result: 'hit' | 'miss' | 'bypass') => void,
): Services {
  return {
    onboard: (caller, request) => onboard(dependencies, caller, request),
    getContext: createContextReader(dependencies, onContextRead),
    updateDeviceTrust: (caller, request) => updateDeviceTrust(dependencies, caller, request),
    reportPaymentFailure: (caller, message) => reportPaymentFailure(dependencies, caller, message),
    reportPaymentSettled: (caller, message) => reportPaymentSettled(dependencies, caller, message),
    reportFraudOutcome: (caller, message) => reportFraudOutcome(dependencies, caller, message),
    addPaymentMethod: (caller, method) => addPaymentMethod(dependencies, caller, method),
    updatePaymentMethod: (caller, edit) => updatePaymentMethod(dependencies, caller, edit),
    removePaymentMethod: (caller, edit) => removePaymentMethod(dependencies, caller, edit),
    getPaymentMethods: (_, request) => getPaymentMethods(dependencies, request),
    getPaymentMethod: (_, ids) => getPaymentMethod(dependencies.graph, ids),
    getProfile: (_, ids) => getCustomerProfile(dependencies.graph, ids),
    getRecovery: (_, ids) => getRecovery(dependencies, ids),
    getRecoveries: (_, request) => getRecoveries(dependencies, request),
    handleStripeWebhook: (caller, webhook) => handleStripeWebhook(dependencies, caller, webhook),
    getTimeline: (_, request) => getTimeline(dependencies, request),
    getCustomer: (_, ids) => getCustomer(dependencies, ids),
    findCustomerByDigitalId: (_, identifier) => findCustomerByDigitalId(dependencies, identifier),
    getDevices: (_, request) => getDevices(dependencies, request),
    getAddresses: (_, request) => getAddresses(dependencies, request),
    getRelationshipAttributes: (_, relationship) => getRelationshipAttributes(dependencies, relationship),
    addRelationship: (caller, relationship) => addRelationship(dependencies, caller, relationship),
    updateRelationshipAttribute: (caller, change) =>
      updateRelationshipAttribute(dependencies, caller, change),
    updateNodeProperty: (caller, change) => updateNodeProperty(dependencies, caller, change),
    findCustomersByUsage: (_, request) => findCustomersByUsage(dependencies, request),
    findConnectedCustomers: (_, request) => findConnectedCustomers(dependencies, request),
    dependencyStates: () => dependencyStates(dependencies),
  };
}
