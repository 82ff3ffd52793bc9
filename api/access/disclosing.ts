/** Notes whose data a request has given out, and to whom: the authenticated caller, unless it is the customer. */

import type { Disclose, Disclosed } from '../../domain/disclosures/disclosed.ts';
import {
  GRANT_PURPOSES,
  ROUTE_CATEGORIES,
  RPC_CATEGORIES,
  type RpcRow,
} from '../../domain/disclosures/ways-out.ts';
import { type Grant, isServiceRole, PUBLIC, ROUTES, RPCS } from './grants.ts';
import type { Identity } from './identity.ts';

export interface Disclosing {
  /** After a successful request. @param customerIds those that it is about */
  route(identity: Identity, route: string, customerIds: readonly string[]): void;
  /** @param response absent: of a stream, which is noted when it begins */
  rpc(identity: Identity, rpc: string, request: object, response?: object): void;
}

type ServiceGrant = Exclude<Grant, 'self'>;

export function createDisclosing(disclose: Disclose): Disclosing {
  /** By caller: who calls has the same identity again as long as their certificate or token is valid. */
  const known = new WeakMap<Identity, Map<string, Disclosed | null>>();
  /** What is given out to the same recipient in the same way is one object. */
  const all = new Map<string, Disclosed>();

  function disclosedTo(identity: Identity, way: string): Disclosed | null {
    const grant = grantOf(identity, way);
    const categories = ROUTE_CATEGORIES[way] ?? RPC_CATEGORIES[way]?.categories ?? [];
    if (grant === undefined || categories.length === 0) return null;
    const recipient = isServiceRole(grant) ? grant : identity.name.replace(/^service:/, '');
    const key = JSON.stringify([recipient, grant, way]);
    const disclosed = all.get(key) ?? { recipient, purpose: GRANT_PURPOSES[grant], categories };
    all.set(key, disclosed);
    return disclosed;
  }

  function find(identity: Identity, way: string): Disclosed | null {
    // The person is no recipient of their own data.
    if (identity.customerId !== undefined) return null;
    let ways = known.get(identity);
    if (ways === undefined) known.set(identity, (ways = new Map()));
    let disclosed = ways.get(way);
    if (disclosed === undefined) ways.set(way, (disclosed = disclosedTo(identity, way)));
    return disclosed;
  }

  return {
    route(identity, route, customerIds) {
      const disclosed = find(identity, route);
      if (disclosed !== null) for (const id of customerIds) disclose(id, disclosed);
    },
    rpc(identity, rpc, request, response) {
      const disclosed = find(identity, rpc);
      const row = RPC_CATEGORIES[rpc];
      if (disclosed === null || row === undefined) return;
      for (const id of customersOf(row, request as NamingMessage, response as NamingMessage | undefined))
        disclose(id.toLowerCase(), disclosed);
    },
  };
}

/** The first grant by which the caller may: the role, of those that have one. */
function grantOf({ grants }: Identity, way: string): ServiceGrant | undefined {
  const row = ROUTES[way] ?? RPCS[way] ?? [];
  if (row === PUBLIC) return undefined;
  return row.find((grant): grant is ServiceGrant => grant !== 'self' && grants.has(grant));
}

/** The fields of messages that name customers. */
interface NamingMessage {
  customer_id?: string;
  source_id?: string;
  customer?: { customer_id?: string };
  items?: readonly { customer_id?: string }[];
}

function customersOf({ namedIn }: RpcRow, request: NamingMessage, response: NamingMessage = {}): string[] {
  const named = (...messages: NamingMessage[]) =>
    messages.map(({ customer_id }) => customer_id).filter((id) => id !== undefined);
  switch (namedIn) {
    case 'request':
      return named(request);
    case 'response':
      return named(response);
    case 'items':
      return named(...(response.items ?? []));
    case 'connected':
      return named(request, ...(response.items ?? []));
    case 'customer':
      return named(response.customer ?? {});
    case 'source':
      return named({ customer_id: request.source_id });
  }
}
