/** `/v1/customers` */

import { resourceMissing } from '../protocol/errors.ts';
import { listObject } from '../protocol/lists.ts';
import { customerObject } from '../protocol/objects.ts';
import { metadata, assertKnownParameters, optionalText } from '../protocol/parameters.ts';
import { type ApiResponse, type Call, type Gateway, ok } from '../state/gateway.ts';
import { type Customer, newId } from '../state/store.ts';

export function createCustomer({ gateway, body }: Call): ApiResponse {
  assertKnownParameters(body, ['email', 'name', 'description', 'metadata']);
  const customer: Customer = {
    id: newId('cus'),
    email: optionalText(body, 'email') ?? null,
    name: optionalText(body, 'name') ?? null,
    description: optionalText(body, 'description') ?? null,
    metadata: metadata(body),
    created: gateway.clock.seconds(),
  };
  gateway.store.customers.set(customer.id, customer);
  return ok(customerObject(customer));
}

export function getCustomer({ gateway, id }: Call): ApiResponse {
  return ok(customerObject(customerById(gateway, id, 'id', 404)));
}

/** Its methods are detached for good, as at Stripe. */
export function deleteCustomer({ gateway, id }: Call): ApiResponse {
  customerById(gateway, id, 'id', 404);
  gateway.store.customers.delete(id);
  for (const method of gateway.store.methods.values())
    if (method.customer === id) Object.assign(method, { customer: null, detachedFrom: id });
  return ok({ id, object: 'customer', deleted: true });
}

export function listCustomers({ gateway, body }: Call): ApiResponse {
  const email = optionalText(body, 'email');
  const customers = [...gateway.store.customers.values()].filter(
    (customer) => email === undefined || customer.email === email,
  );
  return ok(listObject(customers, body, '/v1/customers', customerObject));
}

export function customerById(gateway: Gateway, id: string, param: string, status: 400 | 404): Customer {
  const customer = gateway.store.customers.get(id);
  if (customer === undefined) throw resourceMissing('customer', id, param, status);
  return customer;
}
