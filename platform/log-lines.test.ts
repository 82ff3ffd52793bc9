import { type Logger, pino } from 'pino';
import { beforeEach, expect, test } from 'vitest';
import { createLineWriter } from './log-lines.ts';

let lines: string[];
beforeEach(() => {
  lines = [];
});

function loggerAt(level: string): Logger {
  const options = { level, base: { process: 'example', pid: 1 }, timestamp: () => ',"time":"now"' };
  const label = (name: string) => ({ level: name });
  return pino({ ...options, formatters: { level: label } }, { write: (line) => lines.push(line) });
}

test.each([
  ['plain', { id: 'a-1', ms: 12, type: undefined }],
  ['with quotes', { id: 'a "quoted" \\ text', ms: 0, type: '","token":"x"' }],
  ['of several lines', { id: 'a\nb\r\u0000\u001f\u007f\u2028', ms: 1.5, type: '' }],
  ['of other scripts', { id: 'Zoë 🙂 文', ms: -1, type: 'x'.repeat(200) }],
])('a line with values %s is identical to the logger’s own', (_, values) => {
  const logger = loggerAt('info');
  for (const each of [logger, logger.child({ correlation_id: 'c-1' })]) {
    createLineWriter(each, 'it "happened"', ['id', 'ms', 'type'])(values);
    each.info(values, 'it "happened"');
  }
  expect(lines).toHaveLength(4);
  expect([lines[0], lines[2]]).toEqual([lines[1], lines[3]]);
});

test('nothing is written below the logger’s level', () => {
  createLineWriter(loggerAt('warn'), 'request', ['id'])({ id: 'a-1' });
  expect(lines).toEqual([]);
});

test('a line must not have a sensitive field', () => {
  expect(() => createLineWriter(loggerAt('info'), 'request', ['id', 'email'])).toThrow('email');
});
