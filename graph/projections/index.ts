import { customerProjections } from './customer.ts';
import { deviceProjections } from './device.ts';
import type { Projections } from './projection.ts';
import { recoveryProjections } from './recovery.ts';
import { walletProjections } from './wallet.ts';

/** Every event type and its one projection: a family of events is registered by one line here. */
export const PROJECTIONS: Projections = {
  ...customerProjections,
  ...walletProjections,
  ...deviceProjections,
  ...recoveryProjections,
};
