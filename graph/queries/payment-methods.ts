import { isHidden } from '../../domain/erasure/visibility.ts';
import { PersonaError } from '../../domain/errors.ts';
import { isPaymentOption } from '../../domain/payment-options.ts';
import { Secret } from '../../platform/secret.ts';
import type { Graph } from '../kernel/graph.ts';
import { readWithOpenKey } from '../kernel/key-store.ts';
import type { Reader } from '../kernel/reader.ts';
import { type WithoutNulls, withoutNulls } from '../kernel/values.ts';
import type { WalletMethod } from '../wallet/wallet.ts';
import { readWallet } from '../wallet/wallet.ts';

/** The fields of a payment method that the API returns (docs/reference/interfaces.md, 'Shapes of responses'). */
const PUBLIC_FIELDS = [
  'payment_method_id',
  'type',
  'status',
  'brand',
  'network',
  'last_four',
  'expiry_month',
  'expiry_year',
  'is_default',
  'off_session_consent',
  'first_used',
  'last_used',
  'changed_seq',
] as const satisfies (keyof WalletMethod)[];

/** A payment method as the API returns it; what is unknown is absent. Times are RFC 3339 in UTC. */
export type PaymentMethod = WithoutNulls<Pick<WalletMethod, (typeof PUBLIC_FIELDS)[number]>>;

const READ_CUSTOMER = 'MATCH (c:Customer {id: $customer_id}) RETURN c.status AS status';

/**
 * A customer's wallet: proven methods that were not removed, the default first, then the most recently used.
 * @throws PersonaError customer_not_found
 */
export async function getPaymentMethods(
  reader: Reader,
  input: { customer_id: string },
): Promise<PaymentMethod[]> {
  const [[customer], wallet] = await Promise.all([
    reader.read<{ status: string }>(READ_CUSTOMER, input),
    readWallet(reader, input.customer_id),
  ]);
  if (customer === undefined || isHidden(customer.status)) {
    throw new PersonaError('customer_not_found', `there is no customer ${input.customer_id}`);
  }
  return wallet.filter(isVisible).map(toPaymentMethod);
}

/**
 * The methods that a customer who is present may pay with, the default first, then the most recently used. None for an
 * unknown customer.
 * @param input.now epoch milliseconds
 */
export async function getPaymentOptions(
  reader: Reader,
  { customer_id, now }: { customer_id: string; now: number },
): Promise<PaymentMethod[]> {
  const wallet = await readWallet(reader, customer_id);
  return wallet.filter((method) => isPaymentOption(method, now)).map(toPaymentMethod);
}

/** @throws PersonaError payment_method_not_found, also if it is another customer's, removed or unproven */
export async function getPaymentMethod(
  graph: Graph,
  input: { customer_id: string; payment_method_id: string },
): Promise<PaymentMethod> {
  const [[customer], wallet] = await Promise.all([
    graph.read<{ status: string }>(READ_CUSTOMER, { customer_id: input.customer_id }),
    readWallet(graph, input.customer_id),
  ]);
  const method = wallet.find(
    (candidate) => candidate.payment_method_id === input.payment_method_id && isVisible(candidate),
  );
  if (method === undefined || customer === undefined || isHidden(customer.status)) {
    throw new PersonaError(
      'payment_method_not_found',
      `there is no payment method ${input.payment_method_id}`,
    );
  }
  return toPaymentMethod(method);
}

const READ_TOKEN = `
  MATCH (:Customer {id: $id})-[:HAS_PAYMENT_METHOD]->(p:PaymentMethod {id: $payment_method_id})
  RETURN p.token AS token`;

/**
 * A method's token, for the gateway.
 * @throws PersonaError payment_method_not_found
 */
export async function getPaymentMethodToken(
  graph: Graph,
  { customer_id: id, payment_method_id }: { customer_id: string; payment_method_id: string },
): Promise<Secret<string>> {
  const owner = { label: 'CustomerKey', id } as const;
  const parameters = { payment_method_id };
  const { row, key } = await readWithOpenKey<{ token: string }>(graph, owner, {
    cypher: READ_TOKEN,
    parameters,
  });
  if (row === undefined || key === undefined)
    throw new PersonaError('payment_method_not_found', `there is no payment method ${payment_method_id}`);
  return new Secret(key.open(row.token, 'PaymentMethod', payment_method_id, 'token'));
}

const READ_REFERENCE = `
  MATCH (c:Customer {id: $customer_id})
  RETURN c.gateway_customer_ref AS gateway_customer_ref, c.status AS status, c.version AS version`;

/**
 * The customer's reference at the gateway, if it has one.
 * @throws PersonaError customer_not_found
 */
export async function getGatewayCustomer(
  reader: Reader,
  input: { customer_id: string },
): Promise<{ gateway_customer_ref?: string; status: string; version: number }> {
  const [row] = await reader.read<{ gateway_customer_ref: string | null; status: string; version: number }>(
    READ_REFERENCE,
    input,
  );
  if (row === undefined || row.status === 'erased') {
    throw new PersonaError('customer_not_found', `there is no customer ${input.customer_id}`);
  }
  return withoutNulls(row);
}

/**
 * For the edges, to which a customer who is being erased is unknown.
 * @throws PersonaError customer_not_found
 */
export async function requireVisibleCustomer(
  reader: Reader,
  input: { customer_id: string },
): Promise<{ status: string }> {
  const [customer] = await reader.read<{ status: string }>(READ_CUSTOMER, input);
  if (customer === undefined || isHidden(customer.status))
    throw new PersonaError('customer_not_found', `there is no customer ${input.customer_id}`);
  return customer;
}

const KNOWN_CUSTOMER = 'MATCH (c:Customer {id: $id}) RETURN c.id AS id';

/** Whether this is the id of a current or former customer. Other systems have customer ids, too. */
export async function isCustomer(reader: Reader, id: string): Promise<boolean> {
  return (await reader.read(KNOWN_CUSTOMER, { id })).length > 0;
}

function isVisible(method: WalletMethod): boolean {
  return method.proven && method.removed_at === null;
}

function toPaymentMethod(method: WalletMethod): PaymentMethod {
  const found = PUBLIC_FIELDS.flatMap((field) => (method[field] === null ? [] : [[field, method[field]]]));
  return Object.fromEntries(found) as PaymentMethod;
}
