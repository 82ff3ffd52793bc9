import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { freePort } from './ports.ts';

test('a port in use is skipped for the next free one', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const taken = typeof address === 'object' ? (address?.port ?? 0) : 0;
  expect(await freePort(taken)).toBeGreaterThan(taken);
  await new Promise((closed) => server.close(closed));
  expect(await freePort(taken)).toBe(taken);
  // A second server of this process gets another one, before the first one listens.
  expect(await freePort(taken)).toBeGreaterThan(taken);
});

test('a free port can be listened on', async () => {
  const port = await freePort();
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
});
