import { PersonaError } from '../../domain/errors.ts';
import { provenOtherwise } from '../events/proof.ts';
import type { CommandTx } from '../kernel/command-tx.ts';

/** A customer's edge to a device. */
export interface Login {
  login_count: number;
  last_login: string;
  /** Contests apart. */
  proven: boolean;
}

const LOGIN = `
  MATCH (c:Customer {id: $customer_id})
  MATCH (d:Device {id: $device_id})
  MATCH (c)-[l:LOGGED_IN_FROM]->(d)
  RETURN l.login_count AS login_count, l.last_login AS last_login, ${provenOtherwise('l')} AS proven`;

/** `undefined`: this customer has never used this device. */
export async function findLogin(
  tx: CommandTx,
  customerId: string,
  deviceId: string,
): Promise<Login | undefined> {
  const [row] = await tx.run<Login>(LOGIN, { customer_id: customerId, device_id: deviceId });
  return row;
}

/** @throws PersonaError device_not_found */
export async function requireLogin(tx: CommandTx, customerId: string, deviceId: string): Promise<Login> {
  const login = await findLogin(tx, customerId, deviceId);
  if (login) return login;
  throw new PersonaError('device_not_found', `customer ${customerId} has no device ${deviceId}`);
}

/**
 * Records a login of a locked customer from a device; the first one creates the edge. An older login counts, but does
 * not move `last_login` back; once `proven`, the edge stays proven.
 * @param login the current edge, if there is one
 */
export function recordLogin(
  tx: CommandTx,
  { customerId, deviceId, login }: { customerId: string; deviceId: string; login: Login | undefined },
  { proven, awaitsIdentifierId = null }: { proven: boolean; awaitsIdentifierId?: string | null },
): void {
  const stream = { stream: 'customer', stream_id: customerId } as const;
  const { occurredAt } = tx.header;
  if (login === undefined) {
    const data = { device_id: deviceId, proven, awaits_identifier_id: awaitsIdentifierId };
    tx.append({ ...stream, type: 'DeviceLinked', data });
    return;
  }
  const data = {
    device_id: deviceId,
    login_count: login.login_count + 1,
    last_login: occurredAt > login.last_login ? occurredAt : login.last_login,
    proven: login.proven || proven,
  };
  tx.append({ ...stream, type: 'LoginRecorded', data });
}
