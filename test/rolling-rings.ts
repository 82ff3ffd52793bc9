/** What two processes have in their rings while one is changed: a step at a time, the first process before the second. */
export const ROLLING_STEPS = [
  ['old', 'old'],
  ['old,new', 'old'],
  ['old,new', 'old,new'],
  ['new,old', 'old,new'],
  ['new,old', 'new,old'],
] as const;
