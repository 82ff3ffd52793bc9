/** Charges that are held at the gateway until they are released. */

import { setTimeout } from 'node:timers/promises';
import type { FaultSystem } from './system.ts';

/** For a busy machine on which servers were just killed; normally it takes a second or two. */
const LIMIT_MS = 300_000;

type GatewayAddress = Pick<FaultSystem, 'persona'>;

/** The id of the hold on a card, as soon as its charge is held. */
export async function waitForHold(system: GatewayAddress, token: string): Promise<string> {
  for (const limit = Date.now() + LIMIT_MS; Date.now() < limit; await setTimeout(20)) {
    const hold = (await listHolds(system)).find(({ payment_method }) => payment_method === token);
    if (hold) return hold.id;
  }
  throw new Error(`no charge of ${token} was held at the gateway`);
}

export async function listHolds({
  persona,
}: GatewayAddress): Promise<{ id: string; payment_method: string }[]> {
  const response = await fetch(`${persona.addresses.gateway}/_sim/holds`);
  return ((await response.json()) as { data: { id: string; payment_method: string }[] }).data;
}

/**
 * Repeats until the hold is gone: an idle connection may be closing when the request is sent. A gateway that was killed
 * meanwhile holds nothing any more.
 */
export async function releaseHold(system: GatewayAddress, id: string): Promise<void> {
  const url = `${system.persona.addresses.gateway}/_sim/holds/${id}/release`;
  for (const limit = Date.now() + LIMIT_MS; Date.now() < limit; await setTimeout(20)) {
    try {
      await fetch(url, { method: 'POST' });
      if (!(await listHolds(system)).some((hold) => hold.id === id)) return;
    } catch (error) {
      if (isConnectionRefused(error)) return;
    }
  }
  throw new Error(`the gateway does not release ${id}`);
}

function isConnectionRefused(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error.cause ?? {}, 'code') === 'ECONNREFUSED';
}
