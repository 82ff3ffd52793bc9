import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { validationError, PersonaError } from '../../domain/errors.ts';
import { checkpointPath, reportPath } from './checkpoint.ts';
import { importFile, type Onboard } from './import-file.ts';
import { lockPath } from './lock.ts';
import { MAX_LINE_BYTES } from './lines.ts';

const CARD = '4242424242424242';
let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'import-'));
  file = join(folder, 'customers.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

/** Processes each transaction once. A `customer_id` seen before is a known customer. */
function fakeOnboarding() {
  const seen: string[] = [];
  const customers = new Set<string>();
  const onboard: Onboard = async (input) => {
    const { transaction_id, customer_id, refused } = input as {
      transaction_id: string;
      customer_id?: string;
      refused?: PersonaError['type'];
    };
    await new Promise(setImmediate);
    if (refused) throw new PersonaError(refused, `${transaction_id} was refused`);
    const repeated = seen.includes(transaction_id);
    seen.push(transaction_id);
    if (repeated) return 'repeated';
    const known = customer_id !== undefined && customers.has(customer_id);
    customers.add(customer_id ?? transaction_id);
    return known ? 'recognised' : 'created';
  };
  return { seen, onboard };
}
const lines = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => JSON.stringify({ transaction_id: `t-${from + n}` })).join('\n');
const report = async () =>
  (await readFile(reportPath(file), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

test('imports every line once, whatever its line ending, and reports progress', async () => {
  await writeFile(file, `\ufeff${lines(1)}\r\n\n${lines(1500, 1)}\n${lines(1, 7)}`);
  const { seen, onboard } = fakeOnboarding();
  const shown: number[] = [];
  const done = await importFile(file, onboard, ({ lines: count }) => shown.push(count));
  expect(done).toMatchObject({ lines: 1503, created: 1501, recognised: 0, repeated: 1, rejected: 0 });
  expect(done.offset).toBe((await stat(file)).size);
  expect(new Set(seen).size).toBe(1501);
  expect(shown).toEqual([0, 1000, 1503]);
  // Nothing was rejected, so there is no report.
  await expect(stat(reportPath(file))).rejects.toThrow('ENOENT');
});

test('a second run imports only the lines appended since', async () => {
  await writeFile(file, `${lines(3)}\n`);
  const { seen, onboard } = fakeOnboarding();
  await importFile(file, onboard, () => {});
  expect(await importFile(file, onboard, () => {})).toMatchObject({ lines: 3, created: 3 });
  await writeFile(file, `${lines(2, 3)}\n`, { flag: 'a' });
  expect(await importFile(file, onboard, () => {})).toMatchObject({ lines: 5, created: 5 });
  expect(seen).toHaveLength(5);
});

test('a stopped import resumes at the last checkpoint and reports no line twice', async () => {
  const refused = JSON.stringify({ transaction_id: 'no', refused: 'customer_not_found' });
  await writeFile(file, `${refused}\n${lines(1999)}\n${refused}\n${lines(1000, 1999)}`);
  const { seen, onboard } = fakeOnboarding();
  const broken: Onboard = async (input) => {
    if ((input as { transaction_id: string }).transaction_id === 't-2500')
      throw new PersonaError('graph_unavailable', 'down');
    return onboard(input);
  };
  await expect(importFile(file, broken, () => {})).rejects.toMatchObject({ type: 'graph_unavailable' });
  // A crash between writing the report and writing the checkpoint.
  await writeFile(reportPath(file), '{"line": 2001, "type": "half', { flag: 'a' });
  const before = seen.length;
  expect(await importFile(file, onboard, () => {})).toMatchObject({ lines: 3001, rejected: 2 });
  expect(new Set(seen).size).toBe(2999);
  expect(seen.length - before).toBeLessThanOrEqual(1001);
  expect((await report()).map(({ line }) => line)).toEqual([1, 2001]);
});

test('distinguishes new customers, known customers and transactions processed before', async () => {
  const visit = (transaction_id: string, customer_id: string) =>
    JSON.stringify({ transaction_id, customer_id });
  await writeFile(file, [visit('t-1', 'c-1'), visit('t-2', 'c-1'), visit('t-2', 'c-1')].join('\n'));
  const { onboard } = fakeOnboarding();
  const counts = { created: 1, recognised: 1, repeated: 1 };
  expect(await importFile(file, onboard, () => {})).toMatchObject({ lines: 3, ...counts });
  // Without the checkpoint the import starts from the first line.
  await rm(checkpointPath(file));
  const again = { created: 0, recognised: 0, repeated: 3 };
  expect(await importFile(file, onboard, () => {})).toMatchObject({ lines: 3, ...again });
});

test('an edited file is not resumed', async () => {
  await writeFile(file, lines(3));
  await importFile(file, fakeOnboarding().onboard, () => {});
  await writeFile(file, lines(3, 1));
  await expect(importFile(file, fakeOnboarding().onboard, () => {})).rejects.toThrow(
    `has changed since its import started. To import it from the first line, delete ${checkpointPath(file)}`,
  );
});

test.each(['', '{"off', 'null', '{"offset": "7"}'])(
  'a checkpoint of %j is refused as damaged',
  async (text) => {
    await writeFile(file, lines(3));
    await writeFile(checkpointPath(file), text);
    const { seen, onboard } = fakeOnboarding();
    await expect(importFile(file, onboard, () => {})).rejects.toThrow(
      `${checkpointPath(file)} is damaged. Delete it`,
    );
    expect(seen).toEqual([]);
  },
);

test('reports which lines were rejected and why, and never repeats a card number', async () => {
  const rejecting: Onboard = async (input) => {
    const { transaction_id } = input as { transaction_id?: string };
    if (transaction_id === CARD)
      throw new PersonaError('idempotency_key_reused', `the idempotency key ${CARD} was used before`);
    throw validationError([{ field: 'occurred_at', message: 'is required' }], 'card_number_refused');
  };
  const long = JSON.stringify({ transaction_id: 'long', text: 'x'.repeat(MAX_LINE_BYTES) });
  await writeFile(
    file,
    [`{"transaction_id": "t-1"}`, `not json ${CARD}`, `{"transaction_id": "${CARD}"}`, long, '[]'].join('\n'),
  );
  expect(await importFile(file, rejecting, () => {})).toMatchObject({ lines: 5, rejected: 5 });
  const problems = [{ field: 'occurred_at', message: 'is required' }];
  const refused = { type: 'card_number_refused', detail: 'occurred_at: is required', problems };
  expect(await report()).toEqual([
    { line: 1, transaction_id: 't-1', ...refused },
    { line: 2, type: 'malformed_request', detail: 'the line is not JSON' },
    { line: 3, type: 'idempotency_key_reused', detail: expect.not.stringContaining('key 4') },
    { line: 4, type: 'payload_too_large', detail: 'the line is longer than 65536 bytes' },
    { line: 5, ...refused },
  ]);
  expect(await readFile(reportPath(file), 'utf8')).not.toContain('4242');
});

test('a line that is not UTF-8 is rejected; a byte order mark within the file is dropped', async () => {
  const latin = Buffer.from('{"transaction_id": "t-1", "city": "K\u00f6ln"}', 'latin1');
  await writeFile(file, Buffer.concat([latin, Buffer.from(`\n\ufeff${lines(1, 2)}\n`)]));
  const { seen, onboard } = fakeOnboarding();
  expect(await importFile(file, onboard, () => {})).toMatchObject({ lines: 2, created: 1, rejected: 1 });
  expect(seen).toEqual(['t-2']);
  expect(await report()).toEqual([{ line: 1, type: 'malformed_request', detail: 'the line is not UTF-8' }]);
});

test('a report that was deleted is created anew, with the lines rejected since', async () => {
  await writeFile(file, 'not json\n');
  await importFile(file, fakeOnboarding().onboard, () => {});
  await rm(reportPath(file));
  await writeFile(file, 'not json either\n', { flag: 'a' });
  expect(await importFile(file, fakeOnboarding().onboard, () => {})).toMatchObject({ rejected: 2 });
  expect(await report()).toMatchObject([{ line: 2 }]);
});

/** A separate process that imports the file; it prints each line's transaction, and how it failed. */
function importInProcess({ msPerLine }: { msPerLine: number }) {
  const code = `
    import { setTimeout as sleep } from 'node:timers/promises';
    import { importFile } from ${JSON.stringify(new URL('import-file.ts', import.meta.url).href)};
    const onboard = async ({ transaction_id }) => {
      console.log(transaction_id);
      await sleep(${msPerLine});
      return 'created';
    };
    await importFile(${JSON.stringify(file)}, onboard, () => {}).catch(({ message }) => console.log(message));`;
  return execa(process.execPath, ['--input-type=module', '--eval', code], { reject: false });
}

/** Changes the lock as if it had last been renewed that long ago. */
async function ageLock(ms: number) {
  const renewed = new Date(Date.now() - ms);
  await utimes(lockPath(file), renewed, renewed);
}

test('a file that another process is importing is refused, until that process was killed and its lock has expired', async () => {
  await writeFile(file, lines(1000));
  const other = importInProcess({ msPerLine: 60_000 });
  await once(other.stdout, 'data');
  const { onboard } = fakeOnboarding();
  vi.useFakeTimers({ toFake: ['setTimeout'] }).setTimerTickMode('nextTimerAsync');
  await expect(importFile(file, onboard, () => {})).rejects.toThrow(
    `another process is already importing ${file}`,
  );
  vi.useRealTimers();

  other.kill('SIGKILL');
  await other;
  await ageLock(5_000);
  const onWait = vi.fn();
  expect(await importFile(file, onboard, () => {}, onWait)).toMatchObject({ created: 1000 });
  expect(onWait.mock.calls).toEqual([[expect.stringContaining('waiting up to 12 s')]]);
  await expect(stat(lockPath(file))).rejects.toThrow('ENOENT');
});

test('an import that is stopped by SIGTERM leaves no lock behind', async () => {
  await writeFile(file, lines(1000));
  const other = importInProcess({ msPerLine: 60_000 });
  await once(other.stdout, 'data');
  other.kill('SIGTERM');
  expect((await other).signal).toBe('SIGTERM');
  await expect(stat(lockPath(file))).rejects.toThrow('ENOENT');
});

test('an import that was suspended while another process took its lock over stops, and changes nothing', async () => {
  await writeFile(file, lines(1000));
  const suspended = importInProcess({ msPerLine: 500 });
  await once(suspended.stdout, 'data');
  suspended.kill('SIGSTOP');
  await ageLock(60_000);
  const refused = JSON.stringify({ transaction_id: 'no', refused: 'customer_not_found' });
  await writeFile(file, `\n${refused}`, { flag: 'a' });
  const { onboard } = fakeOnboarding();
  const done = await importFile(file, onboard, () => {});
  expect(done).toMatchObject({ lines: 1001, rejected: 1 });

  suspended.kill('SIGCONT');
  const { stdout, exitCode } = await suspended;
  expect(stdout).toContain(`this import of ${file} has lost its lock`);
  expect(stdout).toContain('run the same command again to resume');
  expect(exitCode).toBe(0);
  expect(stdout).not.toContain('t-999');
  expect(await report()).toMatchObject([{ line: 1001 }]);
  expect(JSON.parse(await readFile(checkpointPath(file), 'utf8'))).toEqual(done);
});

test.each<[string, (n: number) => object]>([
  ['transaction', () => ({ transaction_id: 't' })],
  [
    'e-mail address',
    (n) => ({ digital_identifiers: [{ type: 'email', value: n % 2 ? 'A@b.de ' : 'a@b.de' }] }),
  ],
  [
    'e-mail address, in short form',
    (n) => (n % 2 ? { email: 'a@b.de' } : { digital_identifiers: [{ email: 'a@b.de' }] }),
  ],
  ['phone number', () => ({ phone: '+4915112345678' })],
  ['customer id', () => ({ customer_id: 'c' })],
  ['device', () => ({ device_details: { fingerprint: 'd' } })],
  ['card', () => ({ payment_method_details: { token: 'pm_1' } })],
])('lines with the same %s are processed in the order of the file', async (_, shared) => {
  const order: number[] = [];
  const first: Onboard = async (input) => {
    const { n } = input as { n: number };
    // Later lines take less time.
    for (let turn = 0; turn < 20 - n; turn += 1) await new Promise(setImmediate);
    order.push(n);
    return n === 0 ? 'created' : 'recognised';
  };
  const same = Array.from({ length: 20 }, (_unused, n) =>
    JSON.stringify({ transaction_id: `t-${n}`, ...shared(n), n }),
  );
  await writeFile(file, same.join('\n'));
  await importFile(file, first, () => {});
  expect(order).toEqual([...order].sort((a, b) => a - b));
});

test('an internal error stops the import and names the line', async () => {
  await writeFile(file, `${lines(1)}\n{"transaction_id": "x", "refused": "internal"}`);
  await expect(importFile(file, fakeOnboarding().onboard, () => {})).rejects.toThrow('line 2: x was refused');
});
