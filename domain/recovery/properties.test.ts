/** What must hold of a recovery whatever happens to it, in any order and at any time. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TECH_RETRY_MS } from './strategy.ts';
import { NOW, snapshot } from './recovery-fixtures.ts';
import { METHODS, scenarioArbitrary } from './arbitrary-fixtures.ts';
import { runScenario } from './simulation-fixtures.ts';

const RUNS = { numRuns: 700 };

test('whatever happens: no circle, no charge in doubt or after the end, and an end that leaves nothing open', () => {
  fc.assert(
    fc.property(scenarioArbitrary, (scenario) => {
      const { world, last } = runScenario(scenario);
      const { state } = world;
      const trace = world.steps.slice(-60).join('\n');
      if (last?.do === 'finish') {
        expect(state.closed, trace).toBe(true);
        expect(world.unresolved(), trace).toEqual([]);
        expect([...world.refundsDue], trace).toEqual([]);
        return;
      }
      // Only a person, or the gateway's word, can go on from here.
      const isUnresolvedAfterEnd = state.closed && state.unresolved !== undefined;
      expect(state.paused || state.review !== undefined || isUnresolvedAfterEnd, trace).toBe(true);
    }),
    RUNS,
  );
});

test('whatever happens: one notice for an outcome, and one for the end of the cascade', () => {
  fc.assert(
    fc.property(scenarioArbitrary, (scenario) => {
      const { world } = runScenario(scenario);
      // A notice that is asked for again has the same id, and is delivered once.
      const delivered = new Set(world.delivered);
      const count = (...of: string[]) => of.filter((template) => delivered.has(`${template}:1`)).length;
      const trace = world.steps.join('\n');
      expect(count('recovered', 'payment_stopped', 'recovery_ended'), trace).toBeLessThanOrEqual(1);
      expect(count('no_alternative', 'all_declined', 'authenticate'), trace).toBeLessThanOrEqual(1);
    }),
    RUNS,
  );
});

test('whatever happens: the customer hears how it ended, and of each refund, though the run was lost before it wrote', () => {
  fc.assert(
    fc.property(scenarioArbitrary, (scenario) => {
      const { world } = runScenario(scenario);
      expect(world.delivered, world.steps.join('\n')).toEqual(expect.arrayContaining([...world.owedNotices]));
    }),
    RUNS,
  );
});

test('whatever happens: at most one charge by itself for each slot of a schedule', () => {
  const { retry } = snapshot().policy;
  fc.assert(
    fc.property(scenarioArbitrary, (scenario) => {
      // A person may want it sooner.
      const { world } = runScenario({
        ...scenario,
        messages: scenario.messages.filter(({ what }) => what !== 'retry_now'),
      });
      for (const method of METHODS) {
        const sent = world.charges.filter((one) => one.method === method && one.sent);
        const first = method === 'failed' ? NOW : (world.declinedFirst.get(method) ?? Infinity);
        // The one after a minute of trouble counts as one: a run that takes over knows it only by its attempt.
        const slots = [TECH_RETRY_MS, ...retry.LATER, ...retry.TECH].map((wait) => first + wait);
        for (const [index, { at, reason }] of sent.entries()) {
          // The first try of a method that a ceiling held back has no schedule yet.
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
