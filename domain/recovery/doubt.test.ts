import { expect, test } from 'vitest';
import { hear } from './doubt.ts';
import type { RecoveryState } from './state.ts';
import type { AttemptState } from './status.ts';

const NOW = Date.UTC(2026, 10, 21, 12);

/** A recovery that has made one attempt. Only what `hear` looks at. */
function after(state: AttemptState): RecoveryState {
  const attempt = { n: 1, key: 'k', payment_method_id: 'm', state, started_at: new Date(NOW).toISOString() };
  return { attempts: [attempt] } as unknown as RecoveryState;
}

test.each(['declined', 'void'] as const)(
  'news of an attempt that is %s makes the gateway be asked',
  (state) => {
    expect(hear(after(state), 'k', NOW).recheck?.key).toBe('k');
    expect(hear(after(state), undefined, NOW).recheck?.key).toBe('k');
  },
);

test('news of an attempt that is known to have succeeded, or of none, changes nothing', () => {
  for (const key of ['k', undefined, 'another']) {
    const state = after('approved');
    expect(hear(state, key, NOW)).toBe(state);
  }
  const declined = after('declined');
  expect(hear(declined, 'another', NOW)).toBe(declined);
});

test('news of an attempt in doubt moves the next look at it to now', () => {
  const unresolved = {
    key: 'k',
    payment_method_id: 'm',
    state: 'unknown',
    claimed_at: NOW,
    tries: 0,
    next_at: NOW + 1,
  } as const;
  expect(hear({ ...after('unknown'), unresolved }, 'k', NOW).unresolved?.next_at).toBe(NOW);
});
