/** Customers with cards that expire in a month in which no other test's cards expire. */

import { startOfDay, horizon } from '../domain/expiry/calendar.ts';
import { expiresOn } from '../domain/payment-method.ts';
import type { Policy } from '../domain/policy.ts';
import type { GatewayPaymentMethod } from '../domain/ports.ts';
import { type ExpiryCursor, type Graph, getPaymentMethodToken } from '../graph/index.ts';
import { customerWithCards } from './wallet-fixtures.ts';

const DAY = 86_400_000;

export interface ExpiringCards {
  /** The last day of its cards, `YYYY-MM-DD`, and the month, `YYYY-MM`. */
  lastDay: string;
  month: string;
  /** A cursor after all cards that expire earlier. */
  from: ExpiryCursor;
  /** Epoch milliseconds: the start of the day that many days before the last one. */
  daysBefore(left: number): number;
  /** A customer whose cards expire in that month. The first one is the default. */
  createHolder(options?: { cards?: number; email?: string }): Promise<Holder>;
  /** The gateway's record of each token, which a test may change. */
  gatewayMethods: Map<string, GatewayPaymentMethod>;
}

export interface Holder {
  customer_id: string;
  cards: { payment_method_id: string; token: string }[];
}

/** A month in the far future around which no card expires. */
async function freeMonth(graph: Graph): Promise<{ month: number; year: number }> {
  for (;;) {
    const month = 1 + Math.floor(Math.random() * 12);
    const year = 2040 + Math.floor(Math.random() * 50);
    const lastDay = expiresOn(month, year);
    const [row] = await graph.read(
      'MATCH (p:PaymentMethod) WHERE p.expires_on > date($from) AND p.expires_on <= date($to) RETURN p.id LIMIT 1',
      { from: dayOfPreviousMonth(lastDay), to: horizon(startOfDay(lastDay) + DAY, [90]) },
    );
    if (row === undefined) return { month, year };
  }
}

/** A day in the previous month. */
function dayOfPreviousMonth(lastDay: string): string {
  return new Date(Date.parse(lastDay) - 32 * DAY).toISOString().slice(0, 10);
}

export async function expiringCards(graph: Graph, policy: Policy): Promise<ExpiringCards> {
  const { month, year } = await freeMonth(graph);
  const lastDay = expiresOn(month, year);
  const gatewayMethods = new Map<string, GatewayPaymentMethod>();
  return {
    lastDay,
    month: lastDay.slice(0, 7),
    from: { expires_on: dayOfPreviousMonth(lastDay), payment_method_id: '~' },
    daysBefore: (left) => startOfDay(lastDay) - left * DAY,
    gatewayMethods,
    async createHolder({ cards: number = 1, email } = {}) {
      const details = Array.from({ length: number }, () => ({
        ...{ brand: 'visa', last_four: '4242', expiry_month: month, expiry_year: year },
      }));
      const wallet = await customerWithCards(graph, policy, {
        cards: number,
        details,
        ...(email && { email }),
      });
      const { customer_id } = wallet;
      const cards = await Promise.all(
        wallet.methods.map(async (payment_method_id) => {
          const token = (await getPaymentMethodToken(graph, { customer_id, payment_method_id })).reveal();
          return { payment_method_id, token };
        }),
      );
      for (const { token } of cards) {
        const gateway_customer_ref = `cus_${customer_id}`;
        gatewayMethods.set(token, { token, type: 'card', gateway_customer_ref, ...details[0] });
      }
      return { customer_id, cards };
    },
  };
}
