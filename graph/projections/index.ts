import { addressProjections } from './addresses.ts';
import { customerProjections } from './customer.ts';
import { deviceProjections } from './device.ts';
import { editProjections } from './edits.ts';
import { fraudProjections } from './fraud.ts';
import { identifierProjections } from './identifiers.ts';
import type { Projections } from './projection.ts';
import { recoveryProjections } from './recovery.ts';
import { walletProjections } from './wallet.ts';

/** The projection of every event type; a family of events is registered in one line. */
export const PROJECTIONS: Projections = {
  ...customerProjections,
  ...addressProjections,
  ...identifierProjections,
  ...walletProjections,
  ...deviceProjections,
  ...recoveryProjections,
  ...editProjections,
  ...fraudProjections,
};
