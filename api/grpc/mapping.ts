/** Maps between messages and the JSON shapes of the services: times and 64-bit integers. */

import { type FieldProblem, validationError } from '../../domain/errors.ts';
import { MAX_PAGE } from '../../services/pages.ts';
import type { GetRecoveryResponse } from '../../proto/gen/persona/v1/persona_agent.ts';
import type { Address, Customer, Device, PaymentMethod } from '../../proto/gen/persona/v1/types.ts';
import type {
  AddressView,
  CustomerView,
  DeviceView,
  PaymentMethodView,
  RecoveryView,
} from '../../services/views.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Collects the problems of a request, so that the caller gets all of them together. */
export class Problems {
  readonly #found: FieldProblem[] = [];

  require(ok: boolean, field: string, message: string): void {
    if (!ok) this.#found.push({ field, message });
  }

  requireUuid(value: string, field: string): void {
    this.require(UUID.test(value), field, value === '' ? 'is required' : 'must be a UUID');
  }

  /** @returns the value if allowed; otherwise the first allowed one, and a problem is recorded */
  requireOneOf<const T extends string>(value: string, allowed: readonly [T, ...T[]], field: string): T {
    const found = allowed.find((one) => one === value);
    this.require(found !== undefined, field, `must be one of ${allowed.join(', ')}`);
    return found ?? allowed[0];
  }

  /** @returns the page size; 0 requests the maximum */
  requireLimit(limit: number): number {
    this.require(limit >= 0 && limit <= MAX_PAGE, 'limit', `must be from 0 (the maximum) to ${MAX_PAGE}`);
    return limit || MAX_PAGE;
  }

  /** @throws PersonaError invalid_argument, if there were any */
  throwIfAny(): void {
    if (this.#found.length > 0) throw validationError(this.#found);
  }
}

/**
 * A decoded message as the JSON that REST accepts, without absent fields. (Decoding sets optional fields to `undefined`
 * and lists to empty ones.)
 */
export function toJson(message: object): Record<string, unknown> {
  const sent = Object.entries(message).filter(
    ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
  );
  return Object.fromEntries(sent.map(([field, value]) => [field, toJsonValue(value)]));
}

function toJsonValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toJsonValue);
  if (value instanceof Date) return toIsoTime(value);
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'object' && value !== null ? toJson(value) : value;
}

/** RFC 3339, or a string that every validator refuses as a time. */
export function toIsoTime(time: Date | undefined): string | undefined {
  if (time === undefined) return undefined;
  return Number.isNaN(time.getTime()) ? 'out of range' : time.toISOString();
}

export function toDate(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}

export function toPaymentMethod(method: PaymentMethodView): PaymentMethod {
  return {
    payment_method_id: method.payment_method_id,
    type: method.type,
    status: method.status,
    brand: method.brand ?? '',
    network: method.network ?? '',
    last_four: method.last_four ?? '',
    expiry_month: method.expiry_month,
    expiry_year: method.expiry_year,
    is_default: method.is_default,
    off_session_consent: method.off_session_consent,
    first_used: toDate(method.first_used),
    last_used: toDate(method.last_used),
    changed_seq: BigInt(method.changed_seq),
  };
}

export function toDevice(device: DeviceView): Device {
  return {
    ...device,
    login_count: device.login_count === undefined ? undefined : BigInt(device.login_count),
    first_login: toDate(device.first_login),
    last_login: toDate(device.last_login),
    changed_seq: BigInt(device.changed_seq),
  };
}

export function toCustomer(customer: CustomerView): Customer {
  return {
    ...customer,
    locale: customer.locale ?? '',
    behavioral_profile_ref: customer.behavioral_profile_ref ?? '',
    acquisition_date: toDate(customer.acquisition_date),
    version: BigInt(customer.version),
    changed_seq: BigInt(customer.changed_seq),
  };
}

export function toAddress(address: AddressView): Address {
  return {
    ...address,
    street2: address.street2 ?? '',
    state: address.state ?? '',
    first_shipped: toDate(address.first_shipped),
    last_shipped: toDate(address.last_shipped),
    changed_seq: BigInt(address.changed_seq),
  };
}

export function toRecovery(recovery: RecoveryView): GetRecoveryResponse {
  return {
    ...recovery,
    outcome: recovery.outcome,
    amount: BigInt(recovery.amount),
    attempts: recovery.attempts.map((attempt) => ({
      ...attempt,
      gateway_ref: attempt.gateway_ref,
      started_at: toDate(attempt.started_at),
      resolved_at: toDate(attempt.resolved_at),
    })),
    next: recovery.next && { ...recovery.next, at: toDate(recovery.next.at) },
    opened_at: toDate(recovery.opened_at),
    closes_at: toDate(recovery.closes_at),
  };
}
