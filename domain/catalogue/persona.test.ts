import { expect, test } from 'vitest';
import { testPersona } from '../../test/catalogue-fixtures.ts';
import { readMetrics } from './metrics.ts';
import { personaDifferences, readConfiguration, readPersona, readPersonaEntry } from './persona.ts';

const policy = { catalogue: { additionalTypes: ['on-trial'], metricsFor: 1_000 } };
const problemsOf = (input: unknown, name = 'route-planner') => {
  const read = readPersona(input, policy, name);
  return read.ok ? [] : read.problems.map(({ field }) => field);
};

test('a persona is read with what it leaves out', () => {
  const { display_name, role, system_prompt } = testPersona();
  expect(readPersona({ name: 'a-1', display_name, role, system_prompt }, policy)).toEqual({
    ok: true,
    value: {
      name: 'a-1',
      reason: null,
      content: testPersona({ expertise: [] }),
    },
  });
  expect(problemsOf(testPersona({ persona_type: 'on-trial', context: 'Lines\n\tof text' }))).toEqual([]);
});

test('every problem of a persona is reported at once', () => {
  expect(
    problemsOf({
      ...{ name: 'other', display_name: 'x'.repeat(201), role: 'two\nlines', context: 'a\u0000b' },
      ...{ expertise: ['ok', 7, ''], persona_type: 'unheard-of', is_active: true, reason: 'x'.repeat(1_001) },
    }),
  ).toEqual([
    ...['is_active', 'name', 'display_name', 'role', 'system_prompt', 'context'],
    ...['expertise[1]', 'expertise[2]', 'persona_type', 'reason'],
  ]);
  expect(problemsOf('text')).toEqual(['']);
});

test('a file says whether a persona is active, and not what the catalogue counts', () => {
  const entry = { name: 'a', ...testPersona(), is_active: false };
  expect(readPersonaEntry(entry, policy)).toMatchObject({ ok: true, value: { name: 'a', is_active: false } });
  expect(readPersonaEntry({ ...entry, is_active: 'no', version: 3 }, policy)).toMatchObject({
    problems: [{ field: 'version' }, { field: 'is_active' }],
  });
});

test.each([
  ['of a form that others have', '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11'],
  ['with capitals', 'Route'],
  ['with a dot, as configurations have', 'a.b'],
  ['that is too long', 'a'.repeat(101)],
])('a name %s is refused', (_, name) => {
  const read = readPersona({ ...testPersona(), name }, policy);
  expect(read).toMatchObject({ ok: false, problems: [{ field: 'name' }] });
});

test('a persona that no request could hold is refused, whatever its script', () => {
  expect(problemsOf(testPersona({ system_prompt: 'x'.repeat(32_000), context: 'y'.repeat(16_000) }))).toEqual(
    [],
  );
  expect(problemsOf(testPersona({ system_prompt: '文'.repeat(20_000) }))).toEqual(['system_prompt']);
});

test('a card number in a prompt is refused', () => {
  const read = readPersona(testPersona({ system_prompt: 'Charge 4242 4242 4242 4242' }), policy, 'a');
  expect(read).toMatchObject({ ok: false, type: 'card_number_refused' });
});

test('a configuration is any JSON but null', () => {
  for (const value of [0, false, 'text', [1], { days: 7 }])
    expect(readConfiguration({ value }, 'a.b')).toMatchObject({ value: { value: JSON.stringify(value) } });
  expect(readConfiguration({ value: null }, 'a.b')).toMatchObject({ problems: [{ field: 'value' }] });
  // A number that JSON can express, and no program read back.
  const tooLarge = [JSON.parse('{"days":1e400}'), 'x'.repeat(16_001)];
  for (const value of tooLarge)
    expect(readConfiguration({ value }, 'a.b')).toMatchObject({ problems: [{ field: 'value' }] });
});

test('differences are listed by field', () => {
  const from = { ...testPersona(), is_active: true };
  const to = { ...testPersona({ expertise: ['routing', 'fees'], context: 'New.' }), is_active: false };
  expect(personaDifferences(from, to)).toEqual([
    { field: 'context', from: null, to: 'New.' },
    { field: 'expertise', from: ['routing'], to: ['routing', 'fees'] },
    { field: 'is_active', from: true, to: false },
  ]);
});

test('metrics have their bounds, and a time within their retention', () => {
  const now = Date.parse('2026-01-02T00:00:00Z');
  const read = (metrics: unknown) => readMetrics({ metrics }, { now, metricsFor: 86_400_000 });
  const metric = { name: 'latency', value: 1.5, unit: 'ms' };
  expect(read([metric, { ...metric, at: '2026-01-01T12:00:00Z', version: 2 }])).toMatchObject({
    ok: true,
    value: [metric, { ...metric, at: '2026-01-01T12:00:00.000Z', version: 2 }],
  });
  const longest = { name: 'n'.repeat(100), unit: 'u'.repeat(20) };
  const good = [
    ...[{ at: '2026-01-01T00:00:00Z' }, { at: '2026-01-02T00:05:00Z' }, { value: 1e100 }, { value: -1e100 }],
    ...[longest, { value: 0 }, { version: 1 }],
  ];
  expect(read(good.map((change) => ({ ...metric, ...change })))).toMatchObject({ ok: true });
  const bad = [
    ...[{ at: '2025-12-31T23:59:59.999Z' }, { at: '2026-01-02T00:05:00.001Z' }],
    ...[NaN, Infinity, 1.01e100, -1.01e100, null, 'fast'].map((value) => ({ value })),
    ...['', 'n'.repeat(101), 'a b'].map((name) => ({ name })),
    ...['', 'u'.repeat(21)].map((unit) => ({ unit })),
    { version: 0 },
  ];
  const refused = read(bad.map((change) => ({ ...metric, ...change })));
  const fields = bad.flatMap((change) => Object.keys(change));
  expect(refused).toMatchObject({
    problems: fields.map((field, index) => ({ field: `metrics[${index}].${field}` })),
  });
  for (const metrics of [[], Array(1_001).fill(metric)])
    expect(read(metrics)).toMatchObject({ problems: [{ field: 'metrics' }] });
  expect(read(Array(1_000).fill(metric))).toMatchObject({ ok: true });
});
