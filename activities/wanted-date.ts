/** A date that a card is wanted to have: asked of the gateway, read back, settled. Each may run twice, and beside another one. */

import { expiryOf, isOverdue } from '../domain/method-change.ts';
import type { MethodChangeAnswer, PaymentGateway } from '../domain/ports.ts';
import {
  type CommandHeader,
  followPaymentMethod,
  type Graph,
  getGatewayCustomer,
  getPaymentMethodToken,
  readWallet,
  settleMethodUpdate,
  type WalletMethod,
} from '../graph/index.ts';
import type { MethodIds } from '../workflows/remove-payment-method.ts';
import type { RecordedUpdate } from '../workflows/update-payment-method.ts';
import { asked } from './gateway-faults.ts';

export interface WantedDateDependencies {
  graph: Graph;
  gateway: PaymentGateway;
  /** Of a command that this activity gives once. */
  header: (command: string) => CommandHeader;
  /** Signals the customer's open recoveries. */
  tell: (ids: MethodIds) => Promise<void>;
}

/** Gives the card the date at the gateway that the graph says is wanted now. */
export async function giveWantedDate(
  { graph, gateway, header }: WantedDateDependencies,
  ids: MethodIds,
): Promise<MethodChangeAnswer> {
  for (;;) {
    const wanted = wantedOf(await find(graph, ids));
    if (wanted === undefined) return 'not_attached';
    const { owner, token, found } = await look({ graph, gateway }, ids);
    const holder = found?.gateway_customer_ref;
    if (holder === undefined || holder !== owner.gateway_customer_ref) return 'not_attached';
    const answer = await asked(gateway.updatePaymentMethod({ token: token.reveal(), ...expiryOf(wanted) }));
    // Of two requests that overtook one another on their way, the later one is to be there last.
    const now_wanted = wantedOf(await find(graph, ids));
    if (now_wanted !== undefined && now_wanted !== wanted) continue;
    if (answer === 'refused' && now_wanted !== undefined)
      await settleMethodUpdate(graph, header('refused'), ids, { expiry: wanted, taken: false });
    return answer;
  }
}

/** Reads the method at the gateway, writes it down as it is there, and settles the change. */
export async function recordChange(
  { graph, gateway, header, tell }: WantedDateDependencies,
  ids: MethodIds,
  taken: boolean,
): Promise<RecordedUpdate> {
  const wanted = wantedOf(await find(graph, ids));
  if (wanted === undefined) return { result: 'removed' };
  const { found } = await look({ graph, gateway }, ids);
  // Also what a key of another account would say of every method: no reason to take it away.
  const followed = found && (await followPaymentMethod(graph, header('update'), { ...ids, found }));
  if (followed?.change === 'removed' || (followed && followed.payment_method_status === undefined)) {
    await tell(ids);
    return { result: 'removed' };
  }
  const expiry = taken ? (dateOf(await find(graph, ids)) ?? wanted) : wanted;
  await settleMethodUpdate(graph, header('settle'), ids, { expiry, taken });
  if (!taken || followed?.payment_method_status === undefined) return { result: 'refused' };
  const { payment_method_status } = followed;
  if (payment_method_status === 'active') await tell(ids);
  const { version } = await getGatewayCustomer(graph, ids);
  return { result: 'updated', payment_method_status, version };
}

/**
 * Finishes a change whose run was lost: asks the gateway, unless it has the date, for which only the writing was missing.
 * @param now epoch milliseconds
 * @returns whether it is written now
 */
export async function finishChange(
  deps: WantedDateDependencies,
  ids: MethodIds,
  now: number,
): Promise<boolean> {
  const method = await find(deps.graph, ids);
  if (method === undefined || !isOverdue(method, now)) return false;
  const isThere = dateOf(method) === method.expiry_wanted;
  if (!isThere && (await giveWantedDate(deps, ids)) !== 'updated') return false;
  return (await recordChange(deps, ids, true)).result === 'updated';
}

async function find(graph: Graph, { customer_id, payment_method_id }: MethodIds) {
  const wallet = await readWallet(graph, customer_id);
  return wallet.find((one) => one.payment_method_id === payment_method_id);
}

/** What the gateway has of a method, and whom it is to be attached to there. */
async function look({ graph, gateway }: Pick<WantedDateDependencies, 'graph' | 'gateway'>, ids: MethodIds) {
  const [owner, token] = await Promise.all([
    getGatewayCustomer(graph, ids),
    getPaymentMethodToken(graph, ids),
  ]);
  return { owner, token, found: await asked(gateway.getPaymentMethod(token.reveal())) };
}

/** `undefined`: the method is gone, or nobody wants another date. */
function wantedOf(method: WalletMethod | undefined): string | undefined {
  return method?.removed_at === null ? (method.expiry_wanted ?? undefined) : undefined;
}

/** `YYYY-MM`, as the graph has it. */
function dateOf(method: WalletMethod | undefined): string | undefined {
  return method?.expires_on?.slice(0, 'YYYY-MM'.length);
}
