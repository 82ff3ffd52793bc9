/** Properties of a recovery that hold for any events, in any order and at any time. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TECH_RETRY_MS } from './cascade.ts';
import { unresolvedCharge } from './state.ts';
import { NOW, snapshot } from './recovery-fixtures.ts';
import { METHODS, scenarioArbitrary } from './arbitrary-fixtures.ts';
import { runScenario } from './simulation-fixtures.ts';

const RUNS = { numRuns: 700 };

test('no scenario loops, charges with an unresolved charge or after the end, or ends with anything open', () => {
  fc.assert(
    fc.property(scenarioArbitrary, (scenario) => {
      const { world, last } = runScenario(scenario);
      const { state } = world;
      const trace = world.steps.slice(-60).join('\n');
      if (last?.do === 'finish') {
        expect(state.phase.name, trace).toBe('closed');
        expect(world.unresolved(), trace).toEqual([]);
        expect([...world.refundsDue], trace).toEqual([]);
        return;
      }
      // Only an operator or a gateway update can continue from here.
      const isUnresolvedAfterEnd = state.phase.name === 'closed' && unresolvedCharge(state) !== undefined;
      expect(state.paused || state.review !== undefined || isUnresolvedAfterEnd, trace).toBe(true);
    }),
    RUNS,
  );
});

test('every scenario sends at most one notice of the outcome and one of the end of the cascade', () => {
  fc.assert(
    fc.property(scenarioArbitrary, (scenario) => {
      const { world } = runScenario(scenario);
      // A repeated notice has the same id and is delivered once.
      const delivered = new Set(world.delivered);
      const count = (...of: string[]) => of.filter((template) => delivered.has(`${template}:1`)).length;
      const trace = world.steps.join('\n');
      expect(count('recovered', 'payment_stopped', 'recovery_ended'), trace).toBeLessThanOrEqual(1);
      expect(count('no_alternative', 'all_declined', 'authenticate'), trace).toBeLessThanOrEqual(1);
    }),
    RUNS,
  );
});

test('every scenario notifies the customer of the outcome and of each refund, even after lost runs', () => {
  fc.assert(
    fc.property(scenarioArbitrary, (scenario) => {
      const { world } = runScenario(scenario);
      expect(world.delivered, world.steps.join('\n')).toEqual(expect.arrayContaining([...world.owedNotices]));
    }),
    RUNS,
  );
});

test('every scenario makes at most one automatic charge per slot of a schedule', () => {
  const { retry } = snapshot().policy;
  fc.assert(
    fc.property(scenarioArbitrary, (scenario) => {
      // An operator may request a retry sooner.
      const { world } = runScenario({
        ...scenario,
        messages: scenario.messages.filter(({ what }) => what !== 'retry_now'),
      });
      for (const method of METHODS) {
        const sent = world.charges.filter((one) => one.method === method && one.sent);
        const first = method === 'failed' ? NOW : (world.declinedFirst.get(method) ?? Infinity);
        // The retry a minute after a technical failure counts as a slot: a run that takes over sees only its attempt.
        const slots = [TECH_RETRY_MS, ...retry.LATER, ...retry.TECH].map((wait) => first + wait);
        for (const [index, { at, reason }] of sent.entries()) {
          // The first attempt of a method delayed by a ceiling has no schedule yet.
          if (reason !== 'retry' || first >= at) continue;
          const since = Math.max(first, sent[index - 1]?.at ?? NOW);
          expect(
            slots.some((slot) => slot > since && slot <= at),
            world.steps.join('\n'),
          ).toBe(true);
        }
      }
    }),
    RUNS,
  );
});
