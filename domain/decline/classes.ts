/** Decline classes (docs/reference/decline-codes.md, 'Classes'). */
export const DECLINE_CLASSES = [
  'FRAUD',
  'STOP',
  'HARD',
  'FIX',
  'AUTH',
  'LATER',
  'TECH',
  'CONFIG',
  'UNKNOWN',
] as const;
export type DeclineClass = (typeof DECLINE_CLASSES)[number];
