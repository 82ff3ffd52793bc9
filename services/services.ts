/** The use cases behind both interfaces, REST and gRPC. */

import { addPaymentMethod } from './add-payment-method.ts';
import {
  addAddress,
  getAddress,
  getAddresses,
  getVerifiedAddresses,
  removeAddress,
  updateAddress,
} from './addresses.ts';
import { askPersona } from './ask-persona.ts';
import type { Caller } from './caller.ts';
import {
  activate,
  addMetrics,
  deactivate,
  diffPersona,
  getConfiguration,
  getMetrics,
  getPersona,
  getPersonaVersions,
  listPersonas,
  putConfiguration,
  putPersona,
  watchPersonas,
  type WatchRequest,
} from './catalogue.ts';
import { createCatalogueHealth } from './catalogue-health.ts';
import {
  removePaymentMethod,
  setDefaultPaymentMethod,
  updatePaymentMethod,
} from './change-payment-method.ts';
import { type ContextReading, createContextReader } from './context.ts';
import { contestEvent, getContests } from './contests.ts';
import { exportCustomer } from './export-customer.ts';
import { findConnectedCustomers, findCustomersByUsage } from './customer-search.ts';
import { findCustomerByDigitalId, getCustomer, getProfile } from './customers.ts';
import { dependencyStates, sharedCheck } from './dependency-states.ts';
import { getDisclosures } from './disclosures.ts';
import { updateDeviceTrust } from './device-trust.ts';
import { getDevices } from './devices.ts';
import { updateProfile, verifyIdentifier } from './edit-profile.ts';
import { eraseCustomer, getErasure } from './erase-customer.ts';
import { isAboutErased } from './late-messages.ts';
import { markPaymentMethodInactive } from './mark-method-inactive.ts';
import { annotateTimelineEvent } from './notes.ts';
import { onboard } from './onboard.ts';
import { getPaymentOptions } from './payment-options.ts';
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
import type { ServiceDependencies } from './service-dependencies.ts';
import { handleStripeWebhook } from './stripe-webhook.ts';
import { getTimeline, getTimelineEvent } from './timeline.ts';
import { getPaymentMethod, getPaymentMethods } from './wallet.ts';

export function createServices(dependencies: ServiceDependencies, contextReading: ContextReading) {
  /** A use case that records who requests it, or heeds their deadline. */
  const change =
    <Request, Result>(
      useCase: (dependencies: ServiceDependencies, caller: Caller, request: Request) => Promise<Result>,
    ) =>
    async (caller: Caller, request: Request): Promise<Result> => {
      try {
        return await useCase(dependencies, caller, request);
      } catch (error) {
        if (await isAboutErased(dependencies.graph, error, request).catch(() => false))
          dependencies.onLateMessage?.('api');
        throw error;
      }
    };
  const read =
    <Request, Result>(useCase: (dependencies: ServiceDependencies, request: Request) => Promise<Result>) =>
    (_: Caller, request: Request): Promise<Result> =>
      useCase(dependencies, request);
  const states = sharedCheck(() => dependencyStates(dependencies));
  const database = async () => (await states()).neo4j ?? 'down';
  return {
    onboard: change(onboard),
    ...createContextReader(dependencies, contextReading),
    updateDeviceTrust: change(updateDeviceTrust),
    reportPaymentFailure: change(reportPaymentFailure),
    reportPaymentSettled: change(reportPaymentSettled),
    reportFraudOutcome: change(reportFraudOutcome),
    addPaymentMethod: change(addPaymentMethod),
    updatePaymentMethod: change(updatePaymentMethod),
    removePaymentMethod: change(removePaymentMethod),
    setDefaultPaymentMethod: change(setDefaultPaymentMethod),
    getPaymentMethods: read(getPaymentMethods),
    getPaymentMethod: read(getPaymentMethod),
    getProfile: read(getProfile),
    updateProfile: change(updateProfile),
    verifyIdentifier: change(verifyIdentifier),
    getRecovery: read(getRecovery),
    getRecoveries: read(getRecoveries),
    handleStripeWebhook: change(handleStripeWebhook),
    getTimeline: read(getTimeline),
    getTimelineEvent: read(getTimelineEvent),
    getDisclosures: read(getDisclosures),
    contestEvent: change(contestEvent),
    getContests: read(getContests),
    annotateTimelineEvent: change(annotateTimelineEvent),
    exportCustomer: change(exportCustomer),
    getCustomer: read(getCustomer),
    findCustomerByDigitalId: read(findCustomerByDigitalId),
    getDevices: read(getDevices),
    getAddresses: read(getAddresses),
    getAddress: read(getAddress),
    addAddress: change(addAddress),
    updateAddress: change(updateAddress),
    removeAddress: change(removeAddress),
    getVerifiedAddresses: read(getVerifiedAddresses),
    getPaymentOptions: change(getPaymentOptions),
    markPaymentMethodInactive: change(markPaymentMethodInactive),
    getRelationshipAttributes: read(getRelationshipAttributes),
    addRelationship: change(addRelationship),
    updateRelationshipAttribute: change(updateRelationshipAttribute),
    updateNodeProperty: change(updateNodeProperty),
    findCustomersByUsage: read(findCustomersByUsage),
    findConnectedCustomers: read(findConnectedCustomers),
    listPersonas: read(listPersonas),
    getPersona: change(getPersona),
    getPersonaVersions: read(getPersonaVersions),
    diffPersona: read(diffPersona),
    watchPersonas: (caller: Caller, request: WatchRequest) => watchPersonas(dependencies, caller, request),
    askPersona: (caller: Caller, request: { name: string; body: unknown }) =>
      askPersona(dependencies, caller, request),
    putPersona: change(putPersona),
    activatePersona: change(activate),
    deactivatePersona: change(deactivate),
    addPersonaMetrics: change(addMetrics),
    getPersonaMetrics: read(getMetrics),
    getPersonaConfiguration: read(getConfiguration),
    putPersonaConfiguration: change(putConfiguration),
    eraseCustomer: change(eraseCustomer),
    /** Public: there is no caller. */
    getErasure: (request: { erasure_id: string }) => getErasure(dependencies, request),
    /** Which of the servers behind the services respond. */
    dependencyStates: states,
    catalogueHealth: createCatalogueHealth(dependencies, database),
  };
}

export type Services = ReturnType<typeof createServices>;
