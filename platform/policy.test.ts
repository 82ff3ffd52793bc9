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

test('the defaults match docs/reference/policy.md', () => {
  expect(readPolicy()).toMatchObject({
    reportingCurrency: 'USD',
    trust: { initial: 0.5, threshold: 0.7 },
    context: { vipLtvMinor: 100_000, maxStalenessMs: 2_000, maxOutageStalenessMs: 60_000, deviceWindow: 200 },
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

test("a policy file's values replace the defaults one by one", () => {
  const policy = readPolicy(file('{"recovery": {"window": "PT1H30M", "swapDefault": false}}'));
  expect(policy.recovery).toMatchObject({
    window: 5_400_000,
    swapDefault: false,
    requireTrustedDevice: true,
  });
  expect(policy.trust.threshold).toBe(0.7);
});

test('the half-life of trust must be longer than 0, and is absent by default', () => {
  expect(readPolicy().trust).not.toHaveProperty('halfLife');
  expect(readPolicy(file('{"trust": {"halfLife": "P30D"}}')).trust.halfLife).toBe(30 * DAY);
  expect(() => readPolicy(file('{"trust": {"halfLife": 0}}'))).toThrow(
    'trust.halfLife: must be longer than 0',
  );
});

test('every invalid or unknown key is named', () => {
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
        /reportingCurrency: must be an ISO 4217[^]*trust\.threshold: [^]*trust\.halflife: is not a known key[^]*recovery\.window: must be a duration[^]*recovery\.maxEventAge: [^]*surprise: is not a known key/,
      ),
    }),
  );
  expect(() => readPolicy(path)).toThrow(path);
});

test.each([
  ['a missing file', join(folder, 'absent.json')],
  ['a file without valid JSON', file('{')],
])('%s is an error that names the file', (_, path) => {
  expect(() => readPolicy(path)).toThrow(`The policy file ${path} cannot be read`);
});

test('a file whose content is not an object is refused', () => {
  expect(() => readPolicy(file('[]'))).toThrow('the file: ');
});

test('every key has a description', () => {
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
