/**
 * Every way out of Persona, and what it gives out about a person: routes, RPCs, calls of other systems, topics. A way
 * without a row fails the build or a test. An empty row: nothing but what its caller has sent, or nothing about a person.
 */

import type { Chimera, Notifier, PaymentGateway, TrustedDeviceListener } from '../ports.ts';
import type { TopicName } from '../outbox/topics.ts';
import type { DataCategory, Disclosed } from './disclosed.ts';

type Categories = readonly DataCategory[];

/** Of an export. */
const EVERYTHING = [
  'profile',
  'identifiers',
  'addresses',
  'devices',
  'payment_methods',
  'payments',
  'history',
  'connections',
] as const satisfies Categories;

const CUSTOMER = '/api/v1/customers/{customer_id}';

/** By method and path. The customer is that of the path, else the one that the response names. */
export const ROUTE_CATEGORIES: Readonly<Record<string, Categories>> = {
  'GET /health': [],
  'GET /healthz': [],
  'GET /readyz': [],
  'GET /openapi.json': [],
  'GET /schemas/export.v1.json': [],
  'GET /docs': [],
  'GET /docs/start.js': [],
  'GET /docs/swagger-ui.css': [],
  'GET /docs/swagger-ui-bundle.js': [],
  'POST /webhooks/stripe': [],
  'GET /api/v1/erasures/{erasure_id}': [],

  // That the person is known already.
  'POST /api/v1/customers': ['profile'],
  [`GET ${CUSTOMER}/profile`]: ['profile', 'identifiers'],
  [`PUT ${CUSTOMER}/profile`]: ['profile', 'identifiers'],
  [`POST ${CUSTOMER}/identifiers/{identifier_id}/verify`]: ['profile', 'identifiers'],
  [`GET ${CUSTOMER}/payment-methods`]: ['payment_methods'],
  [`POST ${CUSTOMER}/payment-methods`]: ['payment_methods'],
  [`GET ${CUSTOMER}/payment-methods/{payment_method_id}`]: ['payment_methods'],
  [`PATCH ${CUSTOMER}/payment-methods/{payment_method_id}`]: ['payment_methods'],
  [`DELETE ${CUSTOMER}`]: [],
  [`DELETE ${CUSTOMER}/payment-methods/{payment_method_id}`]: [],
  [`PUT ${CUSTOMER}/payment-methods/{payment_method_id}/default`]: ['payment_methods'],
  [`GET ${CUSTOMER}/addresses`]: ['addresses'],
  [`POST ${CUSTOMER}/addresses`]: ['addresses'],
  [`GET ${CUSTOMER}/addresses/{address_id}`]: ['addresses'],
  [`PUT ${CUSTOMER}/addresses/{address_id}`]: ['addresses'],
  [`DELETE ${CUSTOMER}/addresses/{address_id}`]: [],
  [`GET ${CUSTOMER}/checkout-options`]: ['payment_methods', 'devices'],
  [`GET ${CUSTOMER}/timeline`]: ['history'],
  [`GET ${CUSTOMER}/timeline/{seq}`]: ['history'],
  [`POST ${CUSTOMER}/timeline/{seq}/notes`]: [],
  [`POST ${CUSTOMER}/timeline/{seq}/contest`]: [],
  [`GET ${CUSTOMER}/contests`]: ['history'],
  [`GET ${CUSTOMER}/recoveries`]: ['payments'],
  [`GET ${CUSTOMER}/recoveries/{payment_id}`]: ['payments'],
  [`GET ${CUSTOMER}/disclosures`]: ['history'],
  [`GET ${CUSTOMER}/export`]: EVERYTHING,

  // The agents' personas are not personal data.
  'GET /personas': [],
  'GET /personas/{name}': [],
  'PUT /personas/{name}': [],
  'POST /personas/{name}/activate': [],
  'POST /personas/{name}/deactivate': [],
  'GET /personas/{name}/versions': [],
  'GET /personas/{name}/diff': [],
  // What its caller sends goes to the model, and nothing of a customer besides.
  'POST /persona/{name}': [],
  'POST /personas/{name}/metrics': [],
  'GET /personas/{name}/metrics': [],
  'GET /persona-configurations/{key}': [],
  'PUT /persona-configurations/{key}': [],

  'POST /internal/v1/payment-failures': [],
  'POST /internal/v1/payment-settlements': [],
  'POST /internal/v1/fraud-outcomes': [],
  'GET /internal/v1/customers/by-usage': ['profile', 'addresses', 'devices', 'payment_methods'],
  'GET /internal/v1/customers/{customer_id}/connected': ['connections'],
};

/**
 * Where an RPC names its customers: the field `customer_id` of the request, of the response, of each of its items, or of
 * its customer; the edge's `source_id`; `connected`: the request's and each item's.
 */
type NamedIn = 'request' | 'response' | 'items' | 'customer' | 'source' | 'connected';
export interface RpcRow {
  readonly categories: Categories;
  readonly namedIn: NamedIn;
}
const NOTHING: RpcRow = { categories: [], namedIn: 'request' };
const gives = (namedIn: NamedIn, ...categories: DataCategory[]): RpcRow => ({ categories, namedIn });

/** By name: unique over all services. */
export const RPC_CATEGORIES: Readonly<Record<string, RpcRow>> = {
  GetCustomerContext: gives('request', 'profile', 'devices', 'payment_methods'),
  BatchGetCustomerContext: gives('items', 'profile', 'devices', 'payment_methods'),
  GetPaymentOptions: gives('request', 'payment_methods', 'devices'),
  GetVerifiedAddresses: gives('request', 'addresses'),
  MarkPaymentMethodInactive: gives('request', 'payment_methods'),
  // The score that the caller has sent, and how many customers use the device.
  UpdateDeviceTrustScore: NOTHING,
  ReportPaymentFailure: NOTHING,
  ReportPaymentSettled: NOTHING,
  ReportFraudOutcome: NOTHING,
  GetRecovery: gives('response', 'payments'),

  CreateCustomer: gives('response', 'profile'),
  GetCustomer: gives('request', 'profile', 'identifiers'),
  GetPaymentMethods: gives('request', 'payment_methods'),
  GetDevices: gives('request', 'devices'),
  GetAddresses: gives('request', 'addresses'),
  FindCustomerByDigitalId: gives('customer', 'profile', 'identifiers'),
  GetRelationshipAttributes: gives('source', 'history'),
  AddRelationship: NOTHING,
  UpdateRelationshipAttribute: NOTHING,
  UpdateNodeProperty: NOTHING,
  FindCustomersByUsage: gives('items', 'profile', 'addresses', 'devices', 'payment_methods'),
  FindConnectedCustomers: gives('connected', 'connections'),
  GetTimeline: gives('request', 'history'),
  EraseCustomer: NOTHING,
  ExportCustomer: gives('request', ...EVERYTHING),
  ListPersonas: NOTHING,
  GetPersona: NOTHING,
  PutPersona: NOTHING,
  WatchPersonas: NOTHING,
};

/** Why other agents read, by the grant that lets them. Narrow scopes are those of the merchant's own services. */
export const GRANT_PURPOSES = {
  checkout: 'checkout',
  cerebrum: 'payment routing',
  chimera: 'fraud prevention',
  synapse: 'payment recovery',
  oracle: 'analytics',
  ops: 'operations',
  privacy: 'requests of the person',
  'customers:read': 'customer service',
  'customers:write': 'checkout',
  'payments:report': 'payment recovery',
  'fraud:report': 'fraud prevention',
} as const;

/** The calls of a port; `null`: it gives the other system nothing that it does not have. Others name their customer. */
type Calls<Port> = {
  readonly [Call in keyof Port]: Port[Call] extends (input: infer Input, ...more: never[]) => unknown
    ? Input extends { customer_id: string }
      ? Disclosed | null
      : null
    : null;
};

const toGateway = (...categories: DataCategory[]): Disclosed => ({
  ...{ recipient: 'payment gateway', purpose: 'collecting payments', categories },
});
const toChimera = (...categories: DataCategory[]): Disclosed => ({
  ...{ recipient: 'chimera', purpose: GRANT_PURPOSES.chimera, categories },
});

export const GATEWAY_CALLS = {
  createCustomer: toGateway('profile'),
  attachPaymentMethod: toGateway('payment_methods'),
  updatePaymentMethod: toGateway('payment_methods'),
  charge: toGateway('payment_methods', 'payments'),
  // These name a payment, a charge, a customer or a method of the gateway's own.
  cancelPayment: null,
  refundCharge: null,
  detachPaymentMethod: null,
  deleteCustomer: null,
  readPayment: null,
  paymentsOf: null,
  findCharge: null,
  refundsOf: null,
  ownerOf: null,
  getPaymentMethod: null,
  getMandate: null,
  getDispute: null,
  getFraudWarning: null,
} satisfies Calls<PaymentGateway>;

export const NOTIFIER_CALLS = {
  deliver: {
    recipient: 'message delivery',
    purpose: 'notifying the person',
    categories: ['profile', 'identifiers', 'payment_methods', 'payments'],
  },
} satisfies Calls<Omit<Notifier, 'deduplicates'>>;

export const CHIMERA_CALLS = {
  initiateBehavioralProfile: toChimera('profile'),
  // A report of a suspicion looks like a report of a payment: the person must not learn of it here.
  reportSuspectedFraud: toChimera('payment_methods', 'payments'),
  notifyTrustedDevice: toChimera('devices'),
  // It has the customer already.
  forgetCustomer: null,
} satisfies Calls<Chimera & TrustedDeviceListener>;

/** By topic; who reads it, and for what, is in the policy (`privacy.recipients`). */
export const TOPIC_CATEGORIES: Readonly<Record<TopicName, Categories>> = {
  // Personal data in it is sealed; what happened, and when, is not.
  'persona.log.v1': ['history'],
  'persona.customer-profile-updated.v1': ['profile'],
  'persona.payment-method-added.v1': ['payment_methods'],
  'persona.payment-method-status-changed.v1': ['payment_methods'],
  'persona.payment-method-changed.v1': ['payment_methods'],
  'persona.device-trust-score-updated.v1': ['devices'],
  'persona.recovery.v1': ['payments'],
  'persona.notice.v1': ['history'],
  'persona.customer-erased.v1': ['history'],
  'persona.customer-context.v1': ['profile', 'payment_methods'],
};
