import type { PaymentMethodStatus } from '../../domain/payment-method.ts';
import type { Recognition } from '../../domain/recognition.ts';
import type { CommandTx } from '../command-tx.ts';
import type { TokenHolder } from '../wallet/upsert-wallet-method.ts';
import { upsertWalletMethod } from '../wallet/upsert-wallet-method.ts';
import type { IncomingRequest } from './incoming-request.ts';
import type { KnownState } from './known-state.ts';

interface WrittenMethod {
  /** Absent: the request has none, or it belongs to another customer. */
  linked?: { payment_method_id: string; payment_method_status: PaymentMethodStatus };
  warnings: string[];
}

/** Adds the request's payment method to the wallet, unless its token belongs to another customer. */
export function writeMethod(
  tx: CommandTx,
  context: {
    customerId: string;
    incoming: IncomingRequest;
    known: KnownState;
    recognition: Recognition;
    tokenHolder: TokenHolder | undefined;
    deviceId: string | null;
  },
): WrittenMethod {
  const { customerId, incoming, known, recognition, tokenHolder, deviceId } = context;
  const details = incoming.request.payment_method_details;
  if (details === undefined) return { warnings: [] };
  if (tokenHolder !== undefined && tokenHolder.customer_id !== customerId) {
    return { warnings: ['token_belongs_to_other_customer'] };
  }
  const upserted = upsertWalletMethod(tx, known.wallet, {
    customerId,
    details,
    knownId: tokenHolder?.payment_method_id,
    addedBy: 'service',
    proven: recognition.proven,
    awaitsIdentifierId: recognition.awaits_identifier_id,
    deviceId,
  });
  return {
    linked: { payment_method_id: upserted.payment_method_id, payment_method_status: upserted.status },
    warnings: [],
  };
}
