/**
 * Who may call what (docs/reference/security.md, 'Who may call'): one table for REST and one for gRPC. A route or RPC
 * without a row is refused; `grants.test.ts` fails for it.
 */

/** The roles of services: named by a client certificate, or by the scope `role:<name>` of a token. */
export const SERVICE_ROLES = [
  'checkout',
  'cerebrum',
  'chimera',
  'synapse',
  'oracle',
  'ops',
  'privacy',
] as const;
export type ServiceRole = (typeof SERVICE_ROLES)[number];

/** Scopes that are narrower than a role. */
export const NARROW_SCOPES = [
  'customers:read',
  'customers:write',
  'payments:report',
  'fraud:report',
] as const;

/** What a caller was given: `self` is a customer, who reaches only paths below their own id. */
export type Grant = 'self' | ServiceRole | (typeof NARROW_SCOPES)[number];

/** No authentication: probes, documentation, and webhooks, which check a signature. */
export const PUBLIC = 'public';
type Row = typeof PUBLIC | readonly Grant[];

const CUSTOMER = '/api/v1/customers/{customer_id}';

/** Every agent may know who the agents are, and what they may be asked. */
const ANY_SERVICE: readonly Grant[] = SERVICE_ROLES;
const PERSONA = '/personas/{name}';

/** By method and path, as in the OpenAPI document. */
export const ROUTES: Readonly<Record<string, Row>> = {
  'GET /healthz': PUBLIC,
  'GET /readyz': PUBLIC,
  'GET /health': PUBLIC,
  'GET /openapi.json': PUBLIC,
  'GET /schemas/export.v1.json': PUBLIC,
  'GET /docs': PUBLIC,
  'GET /docs/start.js': PUBLIC,
  'GET /docs/swagger-ui.css': PUBLIC,
  'GET /docs/swagger-ui-bundle.js': PUBLIC,
  'POST /webhooks/stripe': PUBLIC,

  'POST /api/v1/customers': ['checkout', 'customers:write'],
  [`GET ${CUSTOMER}/profile`]: ['self', 'ops', 'customers:read'],
  [`GET ${CUSTOMER}/payment-methods`]: ['self', 'ops', 'customers:read'],
  [`POST ${CUSTOMER}/payment-methods`]: ['self', 'checkout'],
  [`GET ${CUSTOMER}/payment-methods/{payment_method_id}`]: ['self', 'ops', 'customers:read'],
  [`PATCH ${CUSTOMER}/payment-methods/{payment_method_id}`]: ['self'],
  [`DELETE ${CUSTOMER}/payment-methods/{payment_method_id}`]: ['self'],
  [`PUT ${CUSTOMER}/payment-methods/{payment_method_id}/default`]: ['self'],
  [`PUT ${CUSTOMER}/profile`]: ['self'],
  // Not the customer: who sent the code and saw it come back states it.
  [`POST ${CUSTOMER}/identifiers/{identifier_id}/verify`]: ['checkout', 'ops'],
  [`GET ${CUSTOMER}/addresses`]: ['self', 'ops', 'customers:read'],
  [`POST ${CUSTOMER}/addresses`]: ['self'],
  [`GET ${CUSTOMER}/addresses/{address_id}`]: ['self', 'ops', 'customers:read'],
  [`PUT ${CUSTOMER}/addresses/{address_id}`]: ['self'],
  [`DELETE ${CUSTOMER}/addresses/{address_id}`]: ['self'],
  [`GET ${CUSTOMER}/checkout-options`]: ['self', 'checkout', 'ops'],
  [`GET ${CUSTOMER}/timeline`]: ['self', 'privacy', 'ops', 'customers:read'],
  [`GET ${CUSTOMER}/timeline/{seq}`]: ['self', 'privacy', 'ops', 'customers:read'],
  [`GET ${CUSTOMER}/disclosures`]: ['self', 'ops', 'privacy'],
  [`POST ${CUSTOMER}/timeline/{seq}/notes`]: ['self', 'privacy'],
  [`POST ${CUSTOMER}/timeline/{seq}/contest`]: ['self', 'privacy'],
  [`GET ${CUSTOMER}/contests`]: ['self', 'privacy', 'ops', 'customers:read'],
  [`GET ${CUSTOMER}/export`]: ['self', 'ops', 'privacy'],
  [`GET ${CUSTOMER}/recoveries`]: ['self', 'ops', 'customers:read'],
  [`GET ${CUSTOMER}/recoveries/{payment_id}`]: ['self', 'ops', 'customers:read'],

  [`DELETE ${CUSTOMER}`]: ['self', 'privacy'],
  // Its id is the secret.
  'GET /api/v1/erasures/{erasure_id}': PUBLIC,

  'POST /internal/v1/payment-failures': ['synapse', 'ops', 'payments:report'],
  'POST /internal/v1/payment-settlements': ['synapse', 'ops', 'payments:report'],
  'POST /internal/v1/fraud-outcomes': ['chimera', 'ops', 'fraud:report'],
  'GET /personas': ANY_SERVICE,
  [`GET ${PERSONA}`]: ANY_SERVICE,
  [`PUT ${PERSONA}`]: ['ops'],
  'POST /persona/{name}': ANY_SERVICE,
  [`POST ${PERSONA}/activate`]: ['ops'],
  [`POST ${PERSONA}/deactivate`]: ['ops'],
  [`GET ${PERSONA}/versions`]: ANY_SERVICE,
  [`GET ${PERSONA}/diff`]: ANY_SERVICE,
  [`POST ${PERSONA}/metrics`]: ANY_SERVICE,
  [`GET ${PERSONA}/metrics`]: ['ops'],
  'GET /persona-configurations/{key}': ANY_SERVICE,
  'PUT /persona-configurations/{key}': ['ops'],

  'GET /internal/v1/customers/by-usage': ['ops'],
  'GET /internal/v1/customers/{customer_id}/connected': ['ops'],
};

/** By name: unique over both services. */
export const RPCS: Readonly<Record<string, readonly Grant[]>> = {
  GetCustomerContext: ['checkout', 'cerebrum', 'chimera', 'synapse', 'oracle', 'ops'],
  BatchGetCustomerContext: ['checkout', 'cerebrum', 'chimera', 'ops'],
  GetPaymentOptions: ['checkout', 'ops'],
  GetVerifiedAddresses: ['chimera', 'ops'],
  MarkPaymentMethodInactive: ['synapse', 'ops'],
  UpdateDeviceTrustScore: ['chimera', 'ops'],
  ReportPaymentFailure: ['synapse', 'ops', 'payments:report'],
  ReportPaymentSettled: ['synapse', 'ops', 'payments:report'],
  ReportFraudOutcome: ['chimera', 'ops', 'fraud:report'],
  GetRecovery: ['cerebrum', 'synapse', 'ops'],
  EraseCustomer: ['privacy'],

  CreateCustomer: ['checkout', 'ops', 'customers:write'],
  GetCustomer: ['ops', 'customers:read'],
  GetPaymentMethods: ['ops', 'customers:read'],
  GetDevices: ['chimera', 'ops', 'customers:read'],
  GetAddresses: ['ops', 'customers:read'],
  FindCustomerByDigitalId: ['ops'],
  GetRelationshipAttributes: ['ops'],
  AddRelationship: ['ops'],
  UpdateRelationshipAttribute: ['ops'],
  UpdateNodeProperty: ['ops'],
  FindCustomersByUsage: ['chimera', 'oracle', 'ops'],
  FindConnectedCustomers: ['chimera', 'ops'],
  ListPersonas: ANY_SERVICE,
  GetPersona: ANY_SERVICE,
  PutPersona: ['ops'],
  WatchPersonas: ANY_SERVICE,
  GetTimeline: ['ops', 'customers:read'],
  ExportCustomer: ['privacy'],
};

export function isServiceRole(name: string): name is ServiceRole {
  return (SERVICE_ROLES as readonly string[]).includes(name);
}
