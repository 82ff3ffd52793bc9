/** The HTTP server's connections: slow arrivals, and what becomes of requests while it closes. */

import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { serveHttp } from './server.ts';

async function startServer(respond: () => Promise<string> = async () => 'ok') {
  const server = await serveHttp(
    { host: '127.0.0.1', port: 0 },
    { fetch: async (req) => new Response(`${await req.text()}${await respond()}`) },
  );
  onTestFinished(() => server.close());
  return { server, port: Number(new URL(server.url).port) };
}

async function openSocket(port: number, text: string): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let received = '';
  socket.on('data', (bytes) => {
    received += bytes.toString();
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(text);
  return { socket, received: () => received };
}

const POST = 'POST / HTTP/1.1\r\nHost: persona\r\nContent-Length: 2\r\n';

test('requests whose headers or body do not arrive within ten seconds are ended, and others are served', async () => {
  const { server, port } = await startServer();
  const startedAt = performance.now();
  const sockets = await Promise.all([POST, `${POST}\r\n1`].map((text) => openSocket(port, text)));
  const closings = sockets.map(async ({ socket, received }) => {
    await once(socket, 'close');
    return { text: received(), after: performance.now() - startedAt };
  });
  expect(await (await fetch(server.url)).text()).toBe('ok');
  for (const { text, after } of await Promise.all(closings)) {
    expect(text).toMatch(/^HTTP\/1.1 408 /);
    expect(after).toBeGreaterThan(9_000);
  }
});

test('while the server closes, requests on open connections get their whole response, and new ones are refused', async () => {
  const { promise: held, resolve: release } = Promise.withResolvers<string>();
  let requests = 0;
  const { server } = await startServer(() => {
    requests += 1;
    return requests === 2 ? held : Promise.resolve('ok');
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const send = async () => {
    const sent = request(server.url, { agent });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const [body] = (await response.toArray()) as Buffer[];
    return [response.headers.connection, body?.toString()];
  };
  expect(await send()).toEqual(['keep-alive', 'ok']);
  const running = fetch(server.url);
  await expect.poll(() => requests).toBe(2);

  const closed = server.close();
  // Its connection was idle.
  expect(await send()).toEqual(['close', 'ok']);
  await expect(fetch(server.url)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
  release('late');
  const response = await running;
  expect([response.headers.get('connection'), await response.text()]).toEqual(['close', 'late']);
  await closed;
});
