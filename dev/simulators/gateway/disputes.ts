/** `/v1/disputes` and `/v1/radar/early_fraud_warnings`, and the control actions that create and change them. */

import { resourceMissing } from './errors.ts';
import { type ApiResponse, type Call, type Gateway, ok } from './gateway.ts';
import { listObject } from './lists.ts';
import { disputeObject, fraudWarningObject } from './objects.ts';
import { optionalText } from './parameters.ts';
import { ScriptError } from './steps.ts';
import { type Charge, DISPUTE_STATUSES, type Dispute, type DisputeStatus, newId } from './store.ts';

/** Final statuses. */
const CLOSED: readonly DisputeStatus[] = ['won', 'lost', 'warning_closed', 'prevented'];

export function getDispute({ gateway, id }: Call): ApiResponse {
  const dispute = gateway.store.disputes.get(id);
  if (dispute === undefined) throw resourceMissing('dispute', id, 'dispute', 404);
  return ok(disputeObject(dispute));
}

export function listDisputes({ gateway, body }: Call): ApiResponse {
  const disputes = [...gateway.store.disputes.values()].filter(chargeFilter(body));
  return ok(listObject(disputes, body, '/v1/disputes', disputeObject));
}

export function getFraudWarning({ gateway, id }: Call): ApiResponse {
  const warning = gateway.store.fraudWarnings.get(id);
  if (warning === undefined) throw resourceMissing('early_fraud_warning', id, 'early_fraud_warning', 404);
  return ok(fraudWarningObject(warning));
}

export function listFraudWarnings({ gateway, body }: Call): ApiResponse {
  const warnings = [...gateway.store.fraudWarnings.values()].filter(chargeFilter(body));
  return ok(listObject(warnings, body, '/v1/radar/early_fraud_warnings', fraudWarningObject));
}

/** Whether a dispute has withdrawn the charge's money. An inquiry (`warning_…`) withdraws none. */
export function isChargedBack(gateway: Gateway, charge: Charge): boolean {
  return [...gateway.store.disputes.values()].some(
    (dispute) =>
      dispute.charge === charge && dispute.status !== 'won' && !dispute.status.startsWith('warning_'),
  );
}

/**
 * `{reason?, status?, amount?}`; default: the whole charge, reason `general`, status `needs_response`.
 * @throws ScriptError
 */
export function openDispute(gateway: Gateway, chargeId: string, input: unknown): object {
  const charge = succeededCharge(gateway, chargeId);
  const fields: Record<string, unknown> = {
    reason: 'general',
    status: 'needs_response',
    amount: charge.amount_captured,
    ...(input as object | null),
  };
  const { reason, amount } = fields;
  if (typeof reason !== 'string') throw new ScriptError('reason: must be a string');
  if (typeof amount !== 'number' || !(amount >= 1 && amount <= charge.amount)) {
    throw new ScriptError(`amount: must be an integer from 1 to ${charge.amount}`);
  }
  const created = gateway.clock.seconds();
  const dispute: Dispute = { id: newId('du'), charge, amount, reason, status: statusOf(fields), created };
  gateway.store.disputes.set(dispute.id, dispute);
  charge.disputed = true;
  return saveAndAnnounce(gateway, 'charge.dispute.created', dispute);
}

/**
 * `{status}`; the change is announced.
 * @throws ScriptError
 */
export function changeDispute(gateway: Gateway, id: string, input: unknown): object {
  const dispute = gateway.store.disputes.get(id);
  if (dispute === undefined) throw new ScriptError(`unknown dispute '${id}'`);
  dispute.status = statusOf((input ?? {}) as Record<string, unknown>);
  const event = CLOSED.includes(dispute.status) ? 'charge.dispute.closed' : 'charge.dispute.updated';
  return saveAndAnnounce(gateway, event, dispute);
}

/**
 * `{fraud_type?}`; default `misc`.
 * @throws ScriptError
 */
export function issueFraudWarning(gateway: Gateway, chargeId: string, input: unknown): object {
  const charge = succeededCharge(gateway, chargeId);
  const { fraud_type = 'misc' } = (input ?? {}) as { fraud_type?: unknown };
  if (typeof fraud_type !== 'string') throw new ScriptError('fraud_type: must be a string');
  const warning = { id: newId('issfr'), charge, fraud_type, created: gateway.clock.seconds() };
  gateway.store.fraudWarnings.set(warning.id, warning);
  gateway.save();
  const object = fraudWarningObject(warning);
  gateway.webhooks.announce('radar.early_fraud_warning.created', object);
  return object;
}

function saveAndAnnounce(gateway: Gateway, event: string, dispute: Dispute): object {
  gateway.save();
  const object = disputeObject(dispute);
  gateway.webhooks.announce(event, object);
  return object;
}

function succeededCharge(gateway: Gateway, id: string): Charge {
  const charge = gateway.store.charges.get(id);
  if (charge?.status !== 'succeeded') throw new ScriptError(`no succeeded charge '${id}'`);
  return charge;
}

function statusOf({ status }: Record<string, unknown>): DisputeStatus {
  const known = DISPUTE_STATUSES.find((one) => one === status);
  if (known === undefined) throw new ScriptError(`status: must be one of ${DISPUTE_STATUSES.join(', ')}`);
  return known;
}

function chargeFilter(body: Call['body']): (item: { charge: Charge }) => boolean {
  const charge = optionalText(body, 'charge');
  const intent = optionalText(body, 'payment_intent');
  return (item) =>
    (charge === undefined || item.charge.id === charge) &&
    (intent === undefined || item.charge.intent.id === intent);
}
