/** The rings of two processes during a key rotation, step by step, the first process before the second. */
export const ROLLING_STEPS = [
  ['old', 'old'],
  ['old,new', 'old'],
  ['old,new', 'old,new'],
  ['new,old', 'old,new'],
  ['new,old', 'new,old'],
] as const;
