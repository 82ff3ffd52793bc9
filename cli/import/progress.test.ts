import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Checkpoint } from './checkpoint.ts';
import { createProgress } from './progress.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const counts = { created: 0, recognised: 0, repeated: 0, report_bytes: 0, fingerprint: '' };
const checkpoint = (offset: number, lines: number, rejected = 0): Checkpoint => {
  return { ...counts, offset, lines, rejected };
};
const bar = (filled: number) => `[${'#'.repeat(filled)}${'.'.repeat(30 - filled)}]`;

/** Progress that resumes after 40 of 100 bytes and 4 lines, on a terminal or not; `written`: since the last call. */
function startProgress({ isTTY }: { isTTY: boolean }) {
  const stderr = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY });
  const progress = createProgress(stderr, 100);
  progress.show(checkpoint(40, 4));
  return { progress, written: (): string => stderr.read() ?? '' };
}

test('on a terminal, a bar shows percentage, rate of this run, remaining time and rejected lines', () => {
  const { progress, written } = startProgress({ isTTY: true });
  expect(stripVTControlCharacters(written())).toBe(`${bar(12)} 40%, 4 lines, 0/s, 0 rejected`);
  vi.advanceTimersByTime(2_000);
  progress.show(checkpoint(50, 54, 2));
  const half = written();
  expect(stripVTControlCharacters(half)).toBe(`${bar(15)} 50%, 54 lines, 25/s, 10 s left, 2 rejected`);
  vi.advanceTimersByTime(600_000);
  progress.show(checkpoint(51, 55, 2));
  expect(stripVTControlCharacters(written())).toContain('51%, 55 lines, 0/s, 45 min left');
  progress.end();
  expect(stripVTControlCharacters(written())).not.toContain('\n');
});

test('without a terminal, a line is written every ten seconds', () => {
  const { progress, written } = startProgress({ isTTY: false });
  expect(written()).toBe(`${bar(12)} 40%, 4 lines, 0/s, 0 rejected\n`);
  vi.advanceTimersByTime(5_000);
  progress.show(checkpoint(50, 54));
  expect(written()).toBe('');
  vi.advanceTimersByTime(5_000);
  expect(written()).toBe(`${bar(15)} 50%, 54 lines, 10/s, 25 s left, 0 rejected\n`);
  vi.advanceTimersByTime(20_000);
  expect(written().match(/\n/g)).toHaveLength(2);
  progress.end();
  vi.advanceTimersByTime(20_000);
  expect(written().match(/\n/g)).toHaveLength(1);
});
