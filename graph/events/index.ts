import type { EventData } from '../../domain/events/event.ts';
import { addressEffects } from './addresses.ts';
import { catalogueEffects } from './catalogue.ts';
import { customerEffects } from './customer.ts';
import { deviceEffects } from './devices.ts';
import { editEffects } from './edits.ts';
import { erasureEffects } from './erasure.ts';
import type { Effects } from './effect.ts';
import { fraudEffects } from './fraud.ts';
import { identifierEffects } from './identifiers.ts';
import { noticeEffects } from './notices.ts';
import { recoveryEffects } from './recovery.ts';
import { refundEffects } from './refunds.ts';
import { rightsEffects } from './rights.ts';
import { walletEffects } from './wallet.ts';

/** The effects of every event type; a family of events is registered in one line. */
export const EFFECTS: Effects<EventData> = {
  ...customerEffects,
  ...addressEffects,
  ...identifierEffects,
  ...walletEffects,
  ...deviceEffects,
  ...recoveryEffects,
  ...refundEffects,
  ...noticeEffects,
  ...editEffects,
  ...fraudEffects,
  ...catalogueEffects,
  ...rightsEffects,
  ...erasureEffects,
};
