import { type ContestDecision, type Correction, contestId } from '../../domain/contests.ts';
import { contestNotificationId } from '../../domain/workflow-contracts.ts';
import { AddressBook, readAddresses } from '../addresses/addresses.ts';
import { findLogin } from '../devices/logins.ts';
import { lockIdentifier, readIdentifiers, unlinkIdentifier } from '../identifiers/identifiers.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import { openWallet } from '../wallet/wallet.ts';
import { repairDefaults } from './contest-event.ts';
import { readContest } from './contests.ts';

/** `opened_seq` is absent if nothing was decided: there is no such contest, or the opening is not open. */
export interface DecidedContest {
  /** The opening that was decided. */
  opened_seq?: number;
  /** To be detached at the gateway. */
  removed_payment_method_ids: string[];
  /** They may be charged again. */
  restored_payment_method_ids: string[];
}

/**
 * Decides an open contest: its corrections, its explanation and the end of the restriction in one transaction. Of what a
 * correction names, only what the customer still has is removed. The first decision counts; one that names another opening
 * than the open one changes nothing.
 * @throws PersonaError customer_not_found (erased)
 */
export async function decideContest(
  graph: Graph,
  header: CommandHeader,
  input: { customer_id: string; seq: number } & Omit<ContestDecision, 'actor'>,
): Promise<DecidedContest> {
  const { customer_id, seq, decision, corrections, explanation } = input;
  return runCommand(graph, header, 'decideContest', input, async (tx) => {
    for (const { command, id } of corrections)
      if (command === 'removeDigitalIdentifier') await lockIdentifier(tx, id);
    await tx.lockCustomer(customer_id);
    const contest = await readContest(tx, { customer_id, seq });
    const isMeant = input.opened_seq === undefined || input.opened_seq === contest?.opened_seq;
    if (contest?.state !== 'open' || !isMeant)
      return { removed_payment_method_ids: [], restored_payment_method_ids: [] };
    const removed: string[] = [];
    for (const correction of corrections)
      if ((await CORRECT[correction.command](tx, customer_id, correction.id)) && isMethod(correction))
        removed.push(correction.id);
    const contest_id = contestId(customer_id, seq);
    const { restricts, opened_seq } = contest;
    const sealed = tx.keyOf(customer_id).seal(explanation, 'Contest', contest_id, 'explanation');
    const notice = contestNotificationId(contest_id, opened_seq);
    const data = { seq, decision, explanation: sealed, restricts, notice };
    tx.append({ stream: 'customer', stream_id: customer_id, type: 'ContestDecided', data });
    await repairDefaults(tx, { customer_id, link: restricts, reason: 'contest decided' });
    const restored =
      decision === 'rejected' && restricts?.type === 'HAS_PAYMENT_METHOD' ? [restricts.id] : [];
    return { opened_seq, removed_payment_method_ids: removed, restored_payment_method_ids: restored };
  });
}

const isMethod = ({ command }: Correction) => command === 'removePaymentMethod';

/** Each removes something of a locked customer. @returns whether it was still there */
const CORRECT: Readonly<
  Record<Correction['command'], (tx: CommandTx, customerId: string, id: string) => Promise<boolean>>
> = {
  async unlinkDevice(tx, customerId, device_id) {
    if ((await findLogin(tx, customerId, device_id)) === undefined) return false;
    tx.append({ stream: 'customer', stream_id: customerId, type: 'DeviceUnlinked', data: { device_id } });
    return true;
  },

  async removeAddress(tx, customerId, id) {
    const addresses = await readAddresses(tx, customerId);
    const address = addresses.find(({ address_id }) => address_id === id);
    if (!address) return false;
    new AddressBook(tx, customerId, addresses).remove(address);
    return true;
  },

  async removeDigitalIdentifier(tx, customerId, id) {
    const identifiers = await readIdentifiers(tx, customerId);
    if (!identifiers.some(({ identifier_id }) => identifier_id === id)) return false;
    unlinkIdentifier(tx, customerId, id);
    return true;
  },

  async removePaymentMethod(tx, customerId, id) {
    const wallet = await openWallet(tx, customerId);
    const method = wallet.methods.find(({ payment_method_id }) => payment_method_id === id);
    if (!method || method.removed_at !== null) return false;
    wallet.remove(id, 'removed');
    return true;
  },
};
