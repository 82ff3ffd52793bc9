/** Charges that stand still at the gateway until they are let go. */

import { setTimeout } from 'node:timers/promises';
import type { FaultSystem } from './system.ts';

const LIMIT_MS = 20_000;

type Addressed = Pick<FaultSystem, 'persona'>;

/** The id of the hold on a card, as soon as its charge stands there. */
export async function holdOn(system: Addressed, token: string): Promise<string> {
  for (const limit = Date.now() + LIMIT_MS; Date.now() < limit; await setTimeout(20)) {
    const hold = (await holds(system)).find(({ payment_method }) => payment_method === token);
    if (hold) return hold.id;
  }
  throw new Error(`no charge of ${token} came to stand at the gateway`);
}

export async function holds({ persona }: Addressed): Promise<{ id: string; payment_method: string }[]> {
  const response = await fetch(`${persona.addresses.gateway}/_sim/holds`);
  return ((await response.json()) as { data: { id: string; payment_method: string }[] }).data;
}

/** A gateway that was killed meanwhile holds nothing any more. */
export async function releaseHold({ persona }: Addressed, id: string): Promise<void> {
  const url = `${persona.addresses.gateway}/_sim/holds/${id}/release`;
  await fetch(url, { method: 'POST' }).catch(() => undefined);
}
