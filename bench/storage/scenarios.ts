/** The scenarios that are measured, each run for every customer. */

import { randomUUID } from 'node:crypto';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import { type Graph, recordGatewayEvent, runCommand } from '../../graph/index.ts';
import { acceptReport } from '../../graph/recovery/index.ts';
import { failureOf, newCustomerRequest } from '../customers.ts';
import { cardDetails, checkOut, checkOutWithNewCard, newCard, recover } from '../payers.ts';

interface TestCustomer {
  /** The first checkout. */
  visit: ReturnType<typeof newCustomerRequest>;
  card: string;
  customer_id: string;
  failing_method_id: string;
}

export interface Scenario {
  what: string;
  /** For the n-th customer. */
  run(graph: Graph, n: number): Promise<unknown>;
}

/** Run one after the other, each for every customer; the first one creates the customers. */
export function scenarios(): Scenario[] {
  const customers: TestCustomer[] = [];
  const forEachCustomer = (
    act: (graph: Graph, customer: TestCustomer) => Promise<unknown>,
  ): Scenario['run'] => {
    return (graph, n) => act(graph, customers[n] as TestCustomer);
  };
  return [
    {
      what: 'a customer with an e-mail address, a device, a delivery address and a card',
      async run(graph, n) {
        customers[n] = await firstCheckout(graph);
      },
    },
    { what: 'another checkout with the same card and device', run: forEachCustomer(repeatCheckout) },
    {
      what: 'another checkout with another card on another device',
      run: forEachCustomer((graph, { customer_id }) =>
        checkOutWithNewCard(
          graph,
          { ...newCustomerRequest(), digital_identifiers: [], customer_id },
          newCard(),
        ),
      ),
    },
    {
      what: 'a recovery by one charge, with one notice',
      run: forEachCustomer((graph, customer) => recoverReported(graph, customer, 0)),
    },
    {
      what: 'a recovery by a second charge, with one notice',
      run: forEachCustomer((graph, customer) => recoverReported(graph, customer, 1)),
    },
  ];
}

async function firstCheckout(graph: Graph): Promise<TestCustomer> {
  const visit = newCustomerRequest();
  const card = newCard();
  const { customer_id, payment_method_id } = await checkOutWithNewCard(graph, visit, card);
  return { visit, card, customer_id, failing_method_id: payment_method_id };
}

async function repeatCheckout(graph: Graph, { visit, card, customer_id }: TestCustomer): Promise<void> {
  const { transaction_id, occurred_at } = newCustomerRequest();
  const request = { ...visit, transaction_id, occurred_at, payment_method_details: cardDetails(card) };
  const recognised = await checkOut(graph, request);
  if (recognised.customer_id !== customer_id)
    throw new Error(`customer ${customer_id} was not recognised; the result was ${recognised.customer_id}`);
}

/** Includes the receipts that the edges write: for the report, and for the gateway's webhook of each charge. */
async function recoverReported(graph: Graph, customer: TestCustomer, declines: number): Promise<void> {
  const failure = failureOf(customer);
  await report(graph, failure);
  await recover(graph, failure, declines);
  const at = { correlationId: failure.payment_id, occurredAt: failure.occurred_at };
  for (let charge = 0; charge <= declines; charge += 1)
    await recordGatewayEvent(graph, at, `evt_${randomUUID()}`);
}

async function report(graph: Graph, message: PaymentFailed): Promise<void> {
  const header = {
    ...{ caller: 'synapse', actor: 'synapse', correlationId: randomUUID() },
    ...{ idempotencyKey: `payment-failed:${message.event_id}`, occurredAt: message.occurred_at },
  };
  await runCommand(graph, header, 'reportPaymentFailure', message, async (tx) => {
    await acceptReport(tx, { kind: 'payment_failed', message }, message.customer_id);
    return null;
  });
}
