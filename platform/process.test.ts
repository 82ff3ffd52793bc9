/** Logs and shutdown of a process, observed from outside on a small program. */

import { execa } from 'execa';
import { expect, test } from 'vitest';

const program = `
  import { createLogger } from './platform/logs.ts';
  import { Secret } from './platform/secret.ts';
  import { createShutdown } from './platform/shutdown.ts';
  const logger = createLogger({ process: 'example', level: 'info' });
  const shutdown = createShutdown(logger, 5_000);
  shutdown.add('first', () => logger.info('first stopped'));
  shutdown.add('broken', () => { throw new Error('cannot'); });
  shutdown.add('last', async () => logger.info('last stopped'));
  logger.child({ correlation_id: 'c-1' }).info(
    { key: new Secret('marked'), payment_method: { token: 'marked' }, a: { b: { c: [{ email: 'marked "quoted" marked' }] } } },
    'begun',
  );
  console.log('ready');
  setInterval(() => {}, 1_000);
`;

const runProgram = (code: string) =>
  execa(process.execPath, ['--input-type=module', '--eval', code], {
    cwd: new URL('..', import.meta.url),
    stdin: 'ignore',
    reject: false,
    forceKillAfterDelay: false,
  });

test('a process stops its parts in reverse order even if one of them fails, and logs no secret', async () => {
  const child = runProgram(program);
  child.stdout.once('data', () => child.kill('SIGTERM'));
  const { exitCode, stderr } = await child;

  expect(exitCode).toBe(0);
  const lines = stderr.split('\n').map((line) => JSON.parse(line));
  expect(lines.map((line) => line.msg)).toEqual([
    'begun',
    'stopping',
    'last stopped',
    'failed to stop',
    'first stopped',
    'stopped',
  ]);
  expect(lines[0]).toMatchObject({ level: 'info', process: 'example', correlation_id: 'c-1' });
  expect(lines[3]).toMatchObject({ level: 'error', step: 'broken', err: { message: 'cannot' } });
  expect(stderr).not.toContain('marked');
});

test.each([
  ['exits by itself', 'process.exit(0)'],
  ['is killed after a fatal line', "logger.fatal('last'); process.kill(process.pid, 'SIGKILL')"],
])('a process that %s has written every line, in order', async (_, end) => {
  const lines = `
    import { createLogger } from './platform/logs.ts';
    const logger = createLogger({ process: 'example', level: 'info' });
    logger.info('0');
    setImmediate(() => {
      for (let n = 1; n < 1_000; n += 1) logger.info(String(n));
      ${end};
    });
  `;
  const { stderr } = await runProgram(lines);

  const messages = stderr.split('\n').map((line) => JSON.parse(line).msg);
  expect(messages.filter((message) => message !== 'last')).toEqual(
    Array.from({ length: 1_000 }, (__, n) => String(n)),
  );
});
