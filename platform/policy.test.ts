import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { policySchema, readPolicy } from './policy.ts';

const folder = mkdtempSync(join(tmpdir(), 'persona-policy-'));
const file = (content: string) => {
  const path = join(folder, `${content.length}.json`);
  writeFileSync(path, content);
  return path;
};
const DAY = 86_400_000;

test('the defaults are those of the specification', () => {
  expect(readPolicy()).toMatchObject({
    reportingCurrency: 'USD',
    trust: { initial: 0.5, threshold: 0.7 },
    context: { vipLtvMinor: 100_000, maxStalenessMs: 2_000, deviceWindow: 200 },
    onboarding: { deviceMatch: 'suggest', limits: { email: 1, phone: 1, device: 25 }, verifyWait: 2_000 },
    recovery: {
      window: 14 * DAY,
      requireTrustedDevice: true,
      swapDefault: true,
      cascadeOnHard: false,
      maxEventAge: 14 * DAY,
    },
    gateway: { maxPerSecond: 50 },
    fraud: { reviewReminder: 4 * 3_600_000, reviewDeadline: DAY, reviewDefault: 'clear' },
    retention: { receipts: 400 * DAY },
  });
});

test("another file's values replace the defaults, value by value", () => {
  const policy = readPolicy(file('{"recovery": {"window": "PT1H30M", "swapDefault": false}}'));
  expect(policy.recovery).toMatchObject({
    window: 5_400_000,
    swapDefault: false,
    requireTrustedDevice: true,
  });
  expect(policy.trust.threshold).toBe(0.7);
});

test('a half-life of trust is a duration that is longer than nothing, and there is none unless it is given', () => {
  expect(readPolicy().trust).not.toHaveProperty('halfLife');
  expect(readPolicy(file('{"trust": {"halfLife": "P30D"}}')).trust.halfLife).toBe(30 * DAY);
  expect(() => readPolicy(file('{"trust": {"halfLife": 0}}'))).toThrow(
    'trust.halfLife: must be longer than 0',
  );
});

test('every key that breaks a rule or is unknown is named', () => {
  const content = {
    reportingCurrency: 'DOLLAR',
    trust: { threshold: 1.5, halflife: '1 d' },
    recovery: { window: 'a while', maxEventAge: true },
    surprise: 1,
  };
  const path = file(JSON.stringify(content));
  expect(() => readPolicy(path)).toThrow(
    expect.objectContaining({
      message: expect.stringMatching(
        /reportingCurrency: must be an ISO 4217[^]*trust\.threshold: [^]*trust\.halflife: is not a policy[^]*recovery\.window: must be a duration[^]*recovery\.maxEventAge: [^]*surprise: is not a policy/,
      ),
    }),
  );
  expect(() => readPolicy(path)).toThrow(path);
});

test.each([
  ['no file', join(folder, 'absent.json')],
  ['no JSON', file('{')],
])('%s is an error that names the file', (_, path) => {
  expect(() => readPolicy(path)).toThrow(`The policy file ${path} cannot be read`);
});

test('a file that is no object is refused', () => {
  expect(() => readPolicy(file('[]'))).toThrow('the file: ');
});

test('every key says what it means', () => {
  const undescribed: string[] = [];
  const visit = (schema: z.ZodObject, path: string) => {
    for (const [key, value] of Object.entries(schema.shape)) {
      if (value instanceof z.ZodObject) visit(value, `${path}${key}.`);
      else if (!(value as z.ZodType).description) undescribed.push(`${path}${key}`);
    }
  };
  visit(policySchema as unknown as z.ZodObject, '');
  expect(undescribed).toEqual([]);
});
