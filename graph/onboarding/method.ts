import type { PaymentMethodStatus } from '../../domain/payment-method.ts';
import type { Recognition } from '../../domain/recognition.ts';
import type { CommandTx } from '../command-tx.ts';
import { putIntoWallet } from '../wallet/put-into-wallet.ts';
import type { TokenHolder } from '../wallet/put-into-wallet.ts';
import type { Incoming } from './incoming.ts';
import type { Known } from './known.ts';

interface WrittenMethod {
  /** Absent: none came, or it belongs to another customer. */
  linked?: { payment_method_id: string; payment_method_status: PaymentMethodStatus };
  warnings: string[];
}

/** Puts the request's payment method into the wallet, unless another customer holds its token. */
export function writeMethod(
  tx: CommandTx,
  scene: {
    customerId: string;
    incoming: Incoming;
    known: Known;
    recognition: Recognition;
    tokenHolder: TokenHolder | undefined;
    deviceId: string | null;
  },
): WrittenMethod {
  const { customerId, incoming, known, recognition, tokenHolder, deviceId } = scene;
  const details = incoming.request.payment_method_details;
  if (details === undefined) return { warnings: [] };
  if (tokenHolder !== undefined && tokenHolder.customer_id !== customerId) {
    return { warnings: ['token_belongs_to_other_customer'] };
  }
  const put = putIntoWallet(tx, known.wallet, {
    customerId,
    details,
    knownId: tokenHolder?.payment_method_id,
    addedBy: 'service',
    proven: recognition.proven,
    awaitsIdentifierId: recognition.awaits_identifier_id,
    deviceId,
  });
  return {
    linked: { payment_method_id: put.payment_method_id, payment_method_status: put.status },
    warnings: [],
  };
}
