/** What happens to customers, as often as it is measured. */

import { randomUUID } from 'node:crypto';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import { type Graph, rememberGatewayEvent, runCommand } from '../../graph/index.ts';
import { acceptReport } from '../../graph/recovery/index.ts';
import { failureOf, newcomer } from '../customers.ts';
import { cardOf, checkOut, checkOutWithNewCard, newCard, recover } from '../payers.ts';

interface Person {
  /** The first visit. */
  visit: ReturnType<typeof newcomer>;
  card: string;
  customer_id: string;
  failing_method_id: string;
}

export interface Life {
  what: string;
  /** To the n-th customer. */
  live(graph: Graph, n: number): Promise<unknown>;
}

/** One kind after the other, each for every customer: the first one brings the customers. */
export function lives(): Life[] {
  const people: Person[] = [];
  const eachOf = (act: (graph: Graph, person: Person) => Promise<unknown>): Life['live'] => {
    return (graph, n) => act(graph, people[n] as Person);
  };
  return [
    {
      what: 'a customer with an e-mail address, a device, a delivery address and a card',
      async live(graph, n) {
        people[n] = await takeIn(graph);
      },
    },
    { what: 'another checkout with the same', live: eachOf(comeBack) },
    {
      what: 'another checkout with another card on another device',
      live: eachOf((graph, { customer_id }) =>
        checkOutWithNewCard(graph, { ...newcomer(), digital_identifiers: [], customer_id }, newCard()),
      ),
    },
    {
      what: 'a recovery by one charge, with one notice',
      live: eachOf((graph, person) => recoverReported(graph, person, 0)),
    },
    {
      what: 'a recovery by a second charge, with one notice',
      live: eachOf((graph, person) => recoverReported(graph, person, 1)),
    },
  ];
}

async function takeIn(graph: Graph): Promise<Person> {
  const visit = newcomer();
  const card = newCard();
  const { customer_id, payment_method_id } = await checkOutWithNewCard(graph, visit, card);
  return { visit, card, customer_id, failing_method_id: payment_method_id };
}

async function comeBack(graph: Graph, { visit, card, customer_id }: Person): Promise<void> {
  const { transaction_id, occurred_at } = newcomer();
  const request = { ...visit, transaction_id, occurred_at, payment_method_details: cardOf(card) };
  const recognised = await checkOut(graph, request);
  if (recognised.customer_id !== customer_id)
    throw new Error(`customer ${customer_id} was not recognised, but taken for ${recognised.customer_id}`);
}

/** With the receipts that the edges leave: of the report, and of the gateway's webhook for each charge. */
async function recoverReported(graph: Graph, person: Person, declines: number): Promise<void> {
  const failure = failureOf(person);
  await report(graph, failure);
  await recover(graph, failure, declines);
  const at = { correlationId: failure.payment_id, occurredAt: failure.occurred_at };
  for (let charge = 0; charge <= declines; charge += 1)
    await rememberGatewayEvent(graph, at, `evt_${randomUUID()}`);
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
