/** Changes a card's expiry date: at the gateway, read back, completed. Each step may run twice, and concurrently. */

import { parseExpiry, isExpiryUpdateOverdue } from '../domain/method-change.ts';
import type { MethodUpdateAnswer, PaymentGateway } from '../domain/ports.ts';
import {
  type CommandHeader,
  followPaymentMethod,
  type Graph,
  getGatewayCustomer,
  getPaymentMethodToken,
  readWallet,
  completeMethodUpdate,
  type WalletMethod,
} from '../graph/index.ts';
import type { MethodIds } from '../workflows/remove-payment-method.ts';
import type { RecordedUpdate } from '../workflows/update-payment-method.ts';
import { gatewayCall } from './gateway-faults.ts';

export interface ExpiryDateUpdateDependencies {
  graph: Graph;
  gateway: PaymentGateway;
  /** The header of a command that this activity issues once. */
  header: (command: string) => CommandHeader;
  /** Signals the customer's open recoveries. */
  signalOpenRecoveries: (ids: MethodIds) => Promise<void>;
}

/** Sets the card's expiry date at the gateway to the one requested in the graph. */
export async function updateExpiryDateAtGateway(
  { graph, gateway, header }: ExpiryDateUpdateDependencies,
  ids: MethodIds,
): Promise<MethodUpdateAnswer> {
  for (;;) {
    const wanted = wantedExpiryOf(await findMethod(graph, ids));
    if (wanted === undefined) return 'not_attached';
    const { owner, token, found } = await readMethodAtGateway({ graph, gateway }, ids);
    const holder = found?.gateway_customer_ref;
    if (holder === undefined || holder !== owner.gateway_customer_ref) return 'not_attached';
    const answer = await gatewayCall(
      gateway.updatePaymentMethod({
        customer_id: ids.customer_id,
        token: token.reveal(),
        ...parseExpiry(wanted),
      }),
    );
    // If another request has arrived meanwhile, its date must be the last one sent.
    const stillWanted = wantedExpiryOf(await findMethod(graph, ids));
    if (stillWanted !== undefined && stillWanted !== wanted) continue;
    if (answer === 'refused' && stillWanted !== undefined)
      await completeMethodUpdate(graph, header('refused'), ids, { expiry: wanted, taken: false });
    return answer;
  }
}

/** Reads the method at the gateway, records it as it is there, and completes the change. */
export async function recordExpiryDateUpdate(
  { graph, gateway, header, signalOpenRecoveries }: ExpiryDateUpdateDependencies,
  ids: MethodIds,
  taken: boolean,
): Promise<RecordedUpdate> {
  const wanted = wantedExpiryOf(await findMethod(graph, ids));
  if (wanted === undefined) return { result: 'removed' };
  const { found } = await readMethodAtGateway({ graph, gateway }, ids);
  // With another account's API key every method would be unknown: no reason to remove it.
  const followed = found && (await followPaymentMethod(graph, header('update'), { ...ids, found }));
  if (followed?.change === 'removed' || (followed && followed.payment_method_status === undefined)) {
    await signalOpenRecoveries(ids);
    return { result: 'removed' };
  }
  const expiry = taken ? (storedExpiryOf(await findMethod(graph, ids)) ?? wanted) : wanted;
  await completeMethodUpdate(graph, header('settle'), ids, { expiry, taken });
  if (!taken || followed?.payment_method_status === undefined) return { result: 'refused' };
  const { payment_method_status } = followed;
  if (payment_method_status === 'active') await signalOpenRecoveries(ids);
  const { version } = await getGatewayCustomer(graph, ids);
  return { result: 'updated', payment_method_status, version };
}

/**
 * Completes a change whose run was lost: changes the date at the gateway, unless it is already there, and records it.
 * @param now epoch milliseconds
 * @returns whether the change is recorded now
 */
export async function finishLostExpiryDateUpdate(
  dependencies: ExpiryDateUpdateDependencies,
  ids: MethodIds,
  now: number,
): Promise<boolean> {
  const method = await findMethod(dependencies.graph, ids);
  if (method === undefined || !isExpiryUpdateOverdue(method, now)) return false;
  const isUpToDate = storedExpiryOf(method) === method.expiry_wanted;
  if (!isUpToDate && (await updateExpiryDateAtGateway(dependencies, ids)) !== 'updated') return false;
  return (await recordExpiryDateUpdate(dependencies, ids, true)).result === 'updated';
}

async function findMethod(graph: Graph, { customer_id, payment_method_id }: MethodIds) {
  const wallet = await readWallet(graph, customer_id);
  return wallet.find((one) => one.payment_method_id === payment_method_id);
}

/** A method's details at the gateway, and the customer that it should be attached to there. */
async function readMethodAtGateway(
  { graph, gateway }: Pick<ExpiryDateUpdateDependencies, 'graph' | 'gateway'>,
  ids: MethodIds,
) {
  const [owner, token] = await Promise.all([
    getGatewayCustomer(graph, ids),
    getPaymentMethodToken(graph, ids),
  ]);
  return { owner, token, found: await gatewayCall(gateway.getPaymentMethod(token.reveal())) };
}

/** `undefined`: the method was removed, or no change of its date is requested. */
function wantedExpiryOf(method: WalletMethod | undefined): string | undefined {
  return method?.removed_at === null ? (method.expiry_wanted ?? undefined) : undefined;
}

/** `YYYY-MM`, as the graph has it. */
function storedExpiryOf(method: WalletMethod | undefined): string | undefined {
  return method?.expires_on?.slice(0, 'YYYY-MM'.length);
}
