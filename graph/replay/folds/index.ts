import { addressFolds } from './addresses.ts';
import { customerFolds } from './customer.ts';
import { deviceFolds } from './device.ts';
import { editFolds } from './edits.ts';
import type { Folds } from './fold.ts';
import { fraudFolds } from './fraud.ts';
import { identifierFolds } from './identifiers.ts';
import { recoveryFolds } from './recovery.ts';
import { walletFolds } from './wallet.ts';

/** Every event type and its fold: a family of events is registered by one line here. */
export const FOLDS: Folds = {
  ...customerFolds,
  ...addressFolds,
  ...identifierFolds,
  ...walletFolds,
  ...deviceFolds,
  ...recoveryFolds,
  ...editFolds,
  ...fraudFolds,
};
