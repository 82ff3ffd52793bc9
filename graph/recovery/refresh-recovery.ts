import type { Policy } from '../../domain/policy.ts';
import type { RecoveryRefresh } from '../../domain/recovery/claims.ts';
import { isDeclinedCard } from '../../domain/recovery/same-card.ts';
import { trustQuery, trustParameters } from '../devices/trust-query.ts';
import type { Reader } from '../graph.ts';
import { readWallet } from '../wallet/wallet.ts';
import { refusalByMethod } from './claim-attempt.ts';
import { requireObligation } from './read-obligation.ts';
import { closedObligation, isClosed } from './records.ts';

const readCustomer = trustQuery(
  (isTrusted) => `
  MATCH (c:Customer {id: $customer_id})
  RETURN c.status AS status, COLLECT {
    MATCH (c)-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod) WHERE p.removed_at IS NULL
    RETURN {
      payment_method_id: p.id,
      details_at: p.updated_at.epochMillis,
      changed_at: CASE WHEN h.consent_at > p.updated_at THEN h.consent_at ELSE p.updated_at END.epochMillis,
      on_trusted_device: EXISTS {
        MATCH (p)-[:USED_ON]->(d:Device)<-[l:LOGGED_IN_FROM]-(c)
        WHERE l.proven AND ${isTrusted}
      }
    }
  } AS methods`,
);

interface CustomerRow {
  status: string;
  methods: {
    payment_method_id: string;
    /** When the method itself last changed, epoch milliseconds. */
    details_at: number;
    /** When the method or its consent last changed. */
    changed_at: number;
    on_trusted_device: boolean;
  }[];
}

/**
 * What a waiting recovery reads at each of its timers, so that a lost signal costs a day instead of the payment.
 *
 * @param input.now epoch milliseconds
 * @throws PersonaError recovery_not_found
 */
export async function refreshRecovery(
  reader: Reader,
  input: { payment_id: string; policy: Policy; now: number },
): Promise<RecoveryRefresh> {
  const { obligation, attempts } = await requireObligation(reader, input.payment_id);
  const { customer_id } = obligation;
  const { trust } = input.policy;
  const [wallet, [customer]] = await Promise.all([
    readWallet(reader, customer_id),
    reader.read<CustomerRow>(readCustomer(trust), { customer_id, ...trustParameters(trust, input.now) }),
  ]);
  const methodRows = new Map(customer?.methods.map((method) => [method.payment_method_id, method]));
  const newestFirst = wallet.toSorted((one, other) => (one.last_used < other.last_used ? 1 : -1));
  return {
    ...(isClosed(obligation) ? { closed: closedObligation(obligation, attempts) } : {}),
    customer_status: customer?.status ?? 'erased',
    methods: newestFirst.flatMap((method) => {
      const { payment_method_id } = method;
      const {
        changed_at = 0,
        details_at = 0,
        on_trusted_device = false,
      } = methodRows.get(payment_method_id) ?? {};
      const refused =
        refusalByMethod(method, on_trusted_device, { obligation, ...input }) !== undefined ||
        isDeclinedCard({ ...method, changed_at: details_at }, obligation, attempts, wallet);
      return refused ? [] : [{ payment_method_id, changed_at }];
    }),
  };
}
