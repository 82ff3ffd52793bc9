/** Reads the actual state from its sources: the graph, the gateway's ledger and the inbox. */

import neo4j from 'neo4j-driver';
import type { RunFile } from '../../platform/run-file.ts';
import type { LogEntry } from './oracle.ts';
import type { Card } from './stories.ts';

export interface WalletRow {
  payment_method_id: string;
  status: string;
  is_default: boolean;
  off_session_consent: boolean;
  /** `YYYY-MM-DD`. */
  expires_on: string | null;
}

export interface LedgerRow {
  charge: string;
  payment_intent: string;
  payment_method: string;
  status: string;
  amount: number;
  currency: string;
  /** How many requests the gateway received for it. */
  requests: number;
}

export interface ExplainedCharge {
  gateway_ref: string;
  amount: number;
  currency: string;
}

export interface Message {
  notification_id: string;
  template: string;
  to: string;
  subject: string;
  text: string;
}

export interface StateInspector {
  wallet(customerId: string): Promise<WalletRow[]>;
  /** State of the obligation in the graph. */
  obligation(paymentId: string): Promise<string | undefined>;
  /** The approved charges of this payment, as the graph explains them. */
  explained(paymentId: string): Promise<ExplainedCharge[]>;
  /** Every event of the graph's log. */
  events(): Promise<LogEntry[]>;
  /** Every charge of this payment at the gateway. */
  ledger(paymentId: string): Promise<LedgerRow[]>;
  /** Every charge of these cards, for any payment. */
  charges(tokens: readonly string[]): Promise<LedgerRow[]>;
  inbox(customerId: string): Promise<Message[]>;
  /** Registers a card at the gateway, as if its holder had entered it on the gateway's own page. */
  issueCard(card: Card): Promise<void>;
  /** Changes a card's details at the gateway, as its bank does; the gateway's event is lost. */
  renewCard(card: Card): Promise<void>;
  /** Detaches a card at the gateway without a webhook. */
  detachSilently(token: string): Promise<void>;
  /** Whether the card is attached to a customer at the gateway. */
  isAttached(token: string): Promise<boolean>;
  close(): Promise<void>;
}

const WALLET = `
  MATCH (:Customer {id: $id})-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod)
  RETURN p.id AS payment_method_id, p.status AS status, h.is_default AS is_default,
    h.off_session_consent AS off_session_consent, toString(p.expires_on) AS expires_on`;
const OBLIGATION = 'MATCH (o:Obligation {payment_id: $id}) RETURN o.state AS state';
const EXPLAINED = `
  MATCH (o:Obligation {payment_id: $id}), (a:ChargeAttempt {payment_id: $id, state: 'approved'})
  RETURN a.gateway_ref AS gateway_ref, toFloat(o.amount) AS amount, o.currency AS currency`;
const EVENTS = `
  MATCH (e:PersonaEvent)
  RETURN e.id AS event_id, e.stream_id AS stream_id, toFloat(e.seq) AS seq, e.type AS type`;

export function openStateInspector(addresses: RunFile): StateInspector {
  const driver = neo4j.driver(
    addresses.neo4j,
    neo4j.auth.basic(addresses.neo4j_username, addresses.neo4j_password),
  );
  const read = async (cypher: string, id?: string) => {
    const { records } = await driver.executeQuery(cypher, { id }, { database: addresses.neo4j_database });
    return records.map((record) => record.toObject());
  };
  return {
    wallet: async (customerId) => (await read(WALLET, customerId)) as WalletRow[],
    obligation: async (paymentId) => (await read(OBLIGATION, paymentId))[0]?.state as string | undefined,
    explained: async (paymentId) => (await read(EXPLAINED, paymentId)) as ExplainedCharge[],
    events: async () => (await read(EVENTS)) as LogEntry[],
    ledger: (paymentId) => list(`${addresses.gateway}/_sim/charges?payment_id=${paymentId}`),
    charges: async (tokens) =>
      (await list<LedgerRow>(`${addresses.gateway}/_sim/charges`)).filter(({ payment_method }) =>
        tokens.includes(payment_method),
      ),
    inbox: (customerId) => list(`${addresses.inbox}/messages?customer_id=${customerId}`),
    async issueCard({ token, brand, last4, exp_month, exp_year, script = [] }) {
      const fingerprint = `fp_${token}`;
      const card = { brand, last4, exp_month, exp_year, fingerprint, country: 'US', funding: 'credit' };
      const response = await fetch(`${addresses.gateway}/_sim/payment_methods/${token}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'card', card, script, then: { do: 'approve' } }),
      });
      if (!response.ok) throw new Error(`the gateway refused card ${token}: ${await response.text()}`);
    },
    async renewCard({ token, last4, exp_month, exp_year }) {
      const url = `${addresses.gateway}/_sim/payment_methods/${token}?announced=false`;
      const body = JSON.stringify({ card: { last4, exp_month, exp_year } });
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(url, { method: 'PUT', headers, body });
      if (!response.ok) throw new Error(`the gateway refused card ${token}: ${await response.text()}`);
    },
    async detachSilently(token) {
      const address = `${addresses.gateway}/_sim/payment_methods/${token}/detach_silently`;
      const response = await fetch(address, { method: 'POST' });
      if (!response.ok) throw new Error(`the gateway did not detach card ${token}: ${await response.text()}`);
    },
    async isAttached(token) {
      const headers = { authorization: 'Bearer sk_test_demo' };
      const response = await fetch(`${addresses.gateway}/v1/payment_methods/${token}`, { headers });
      if (!response.ok) throw new Error(`the gateway did not return card ${token}: ${await response.text()}`);
      return ((await response.json()) as { customer: string | null }).customer !== null;
    },
    close: () => driver.close(),
  };
}

async function list<T>(url: string): Promise<T[]> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`GET ${url} returned ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { data: T[] }).data;
}
