/** Changes that customers make to their wallets, stopped between Persona and the gateway. */

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { fetchAs } from '../../../platform/run-access.ts';
import { customerWithScriptedCards } from '../customer-fixtures.ts';
import type { StopCondition } from '../proxy.ts';
import type { FaultSystem } from '../system.ts';
import { eventsOf, COMMIT_MOMENTS, type StoppedProcess, stopProcessAt } from './stopped-process.ts';

/** A date that no other card has. */
const NEW_EXPIRY = { expiry_month: 5, expiry_year: new Date().getUTCFullYear() + 7 };

export function stopWalletChanges(system: FaultSystem): Promise<StoppedProcess[]> {
  return Promise.all(
    COMMIT_MOMENTS.flatMap(({ name, stopAt }) => [
      stopUpdate(system, `${name} a change is accepted`, (card) =>
        stopAt('"property":"expiry_wanted"', card),
      ),
      stopUpdate(system, `${name} the gateway's new date is recorded`, (card) =>
        stopAt(`"expiry_year":${NEW_EXPIRY.expiry_year}`, card),
      ),
      stopRemoval(system, `${name} a removal is recorded`, (card) => stopAt('PaymentMethodRemoved', card)),
    ]),
  );
}

type StopForCard = (card: string) => StopCondition;

async function stopUpdate(system: FaultSystem, name: string, stop: StopForCard): Promise<StoppedProcess> {
  const customer = await customerWithScriptedCards(system, [{}]);
  const { id, token } = customer.cards[0] ?? expect.fail();
  const at = `change of a card: ${name}`;
  return stopProcessAt(system, {
    ...{ at, stop: stop(id) },
    begin: () => request(system, 'PATCH', [customer.id, id], NEW_EXPIRY),
    async expectEnd() {
      const gateway = await readGatewayMethod(system, token);
      expect(gateway.card, at).toMatchObject({
        exp_month: NEW_EXPIRY.expiry_month,
        exp_year: NEW_EXPIRY.expiry_year,
      });
      const wallet = await system.inspector.wallet(customer.id);
      expect(wallet, at).toMatchObject([{ status: 'active', expires_on: `${NEW_EXPIRY.expiry_year}-05-31` }]);
    },
  });
}

async function stopRemoval(system: FaultSystem, name: string, stop: StopForCard): Promise<StoppedProcess> {
  const customer = await customerWithScriptedCards(system, [{}]);
  const { id, token } = customer.cards[0] ?? expect.fail();
  const at = `removal of a card: ${name}`;
  return stopProcessAt(system, {
    ...{ at, stop: stop(id) },
    begin: () => request(system, 'DELETE', [customer.id, id]),
    async expectEnd() {
      expect((await readGatewayMethod(system, token)).customer, at).toBeNull();
      expect(await system.inspector.wallet(customer.id), at).toMatchObject([{ status: 'inactive' }]);
      expect(await eventsOf(system, customer.id, 'PaymentMethodRemoved'), at).toHaveLength(1);
    },
  });
}

/** The customer's request; after a crash it may get no response. */
async function request(
  { persona }: FaultSystem,
  method: 'PATCH' | 'DELETE',
  [customer, card]: [string, string],
  body?: object,
): Promise<void> {
  const { auth, http } = persona.addresses;
  const url = `${http}/api/v1/customers/${customer}/payment-methods/${card}`;
  const headers = {
    'content-type': 'application/json',
    'idempotency-key': randomUUID(),
    // Any version: while Neo4j is down the reconciliation may come first and change it.
    'if-match': '*',
  };
  const init = { method, headers, ...(body && { body: JSON.stringify(body) }) };
  void fetchAs(auth, { customer_id: customer }, url, init).catch(() => {});
}

async function readGatewayMethod(
  { persona }: FaultSystem,
  token: string,
): Promise<{ customer: string | null; card: { exp_month: number; exp_year: number } }> {
  const headers = { authorization: 'Bearer sk_test_demo' };
  const response = await fetch(`${persona.addresses.gateway}/v1/payment_methods/${token}`, { headers });
  return (await response.json()) as Awaited<ReturnType<typeof readGatewayMethod>>;
}
