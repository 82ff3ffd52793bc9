/** Notices on a real graph, with the real adapters, the inbox's simulator and hanging receivers: each is sent once. */

import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type InboxSimulator, startInboxSimulator } from '../dev/simulators/inbox/server.ts';
import { PersonaError } from '../domain/errors.ts';
import type { Notifier } from '../domain/ports.ts';
import type { Graph } from '../graph/index.ts';
import { finishNotice } from '../graph/recovery/index.ts';
import { verifyAndClose, openTestGraph, testHeader } from '../test/test-graph.ts';
import {
  deliver,
  deliverInProcess,
  graphOptions,
  newKeys,
  noticeEvents,
  notifierOf,
  customerWithObligation,
  type Route,
} from './notice-fixtures.ts';

const keys = newKeys();
/** After this the lease of an interrupted delivery has expired. */
const LEASE_EXPIRED_MS = 16_000;
let graph: Graph;
let inbox: InboxSimulator;

beforeAll(async () => {
  graph = await openTestGraph(graphOptions(keys));
  inbox = await startInboxSimulator();
});
afterAll(async () => {
  await inbox.close();
  await verifyAndClose(graph);
});

async function messagesFor(customerId: string) {
  const response = await fetch(`${inbox.url}/messages?customer_id=${customerId}`);
  return ((await response.json()) as { data: Record<string, never>[] }).data;
}

const setMode = (mode: string) => fetch(`${inbox.url}/_sim/mode`, { method: 'POST', body: mode });
const webhook = (): Route => ({ by: 'webhook', url: inbox.webhook });
const smtp = (): Route => ({ by: 'smtp', url: `smtp://${inbox.smtp}` });
const ROUTES: [string, () => Route][] = [
  ['webhook', webhook],
  ['smtp', smtp],
];

describe.each(ROUTES)('by %s', (by, route) => {
  test('a notice is delivered, and the customer’s stream records it', async () => {
    const { customer_id, payment_id, notice } = await customerWithObligation(graph, {
      failure: { description: 'Gym, May' },
    });
    const input = notice('no_alternative');
    expect(await deliver(graph, input, notifierOf(route()))).toEqual({ result: 'delivered' });
    const [message] = await messagesFor(customer_id);
    expect(message).toMatchObject({
      via: by,
      notification_id: input.notification_id,
      subject: 'Please add a payment method: $49.00 for Gym, May',
      text: expect.stringContaining(`https://pay.example/customers/${customer_id}/wallet`),
      html: expect.stringContaining('$49.00 for Gym, May'),
    });
    expect(await noticeEvents(graph, customer_id)).toEqual([
      {
        type: 'NoticeSent',
        notification_id: input.notification_id,
        template: 'no_alternative',
        payment_id,
        channel: 'email',
      },
    ]);
  });

  test('only one of several concurrent deliveries sends the notice', async () => {
    const { customer_id, notice } = await customerWithObligation(graph);
    const input = notice('reminder', 'day3');
    const notifier = notifierOf(route());
    const { promise: othersRefused, resolve: resolveOthersRefused } = Promise.withResolvers<void>();
    let calls = 0;
    const slow: Notifier = {
      ...notifier,
      deliver: async (...args) => {
        calls += 1;
        await othersRefused;
        await notifier.deliver(...args);
      },
    };
    let refused = 0;
    const tries = Array.from({ length: 8 }, async () => {
      const delivery = deliver(graph, input, slow);
      delivery.catch(() => {
        refused += 1;
        if (refused === 7) resolveOthersRefused();
      });
      return await delivery;
    });
    const ends = await Promise.allSettled(tries);
    expect(calls).toBe(1);
    expect(ends.filter(({ status }) => status === 'fulfilled')).toMatchObject([
      { value: { result: 'delivered' } },
    ]);
    for (const end of ends) {
      if (end.status === 'rejected') expect(end.reason).toMatchObject({ type: 'notifier_unavailable' });
    }
    expect(await deliver(graph, input, slow)).toEqual({ result: 'delivered' });
    expect(await messagesFor(customer_id)).toHaveLength(1);
    expect(await noticeEvents(graph, customer_id)).toHaveLength(1);
  });

  test('a receiver that was unavailable gets the notice when it is back', async () => {
    const { customer_id, notice } = await customerWithObligation(graph);
    for (const mode of ['away', 'error', 'away']) {
      await setMode(mode);
      const delivery = deliver(graph, notice('no_alternative'), notifierOf(route()));
      await expect(delivery).rejects.toMatchObject({ type: 'notifier_unavailable' });
    }
    await setMode('ok');
    expect(await messagesFor(customer_id)).toEqual([]);
    expect(await deliver(graph, notice('no_alternative'), notifierOf(route()))).toEqual({
      result: 'delivered',
    });
    expect(await messagesFor(customer_id)).toHaveLength(1);
    expect(await noticeEvents(graph, customer_id)).toMatchObject([{ type: 'NoticeSent' }]);
  });

  test('if the graph fails after the delivery, the next attempt only records it', async () => {
    const { customer_id, notice } = await customerWithObligation(graph);
    const input = notice('no_alternative');
    const notifier = notifierOf(route());
    let away = false;
    const failing: Graph = {
      ...graph,
      writeSession: () => {
        if (away) throw new PersonaError('graph_unavailable', 'Neo4j is unavailable');
        return graph.writeSession();
      },
    };
    const failingAfterDelivery: Notifier = {
      ...notifier,
      deliver: async (...args) => {
        await notifier.deliver(...args);
        away = true;
      },
    };
    let lastHeartbeat: unknown;
    const onHeartbeat = (details: unknown) => {
      lastHeartbeat = details;
    };
    await expect(deliver(failing, input, failingAfterDelivery, { onHeartbeat })).rejects.toMatchObject({
      type: 'graph_unavailable',
    });
    const next = await deliver(graph, input, notifier, { heartbeatDetails: lastHeartbeat });
    expect(next).toEqual({ result: 'delivered' });
    expect(await messagesFor(customer_id)).toHaveLength(1);
    expect(await noticeEvents(graph, customer_id)).toMatchObject([{ type: 'NoticeSent' }]);
  });

  test('a notice that was given up is not sent', async () => {
    const { customer_id, notice } = await customerWithObligation(graph);
    const input = notice('no_alternative');
    const header = testHeader({ caller: 'notices' });
    await finishNotice(graph, header, {
      ...input,
      channel: null,
      failure: 'given up: unavailable for three days',
    });
    expect(await deliver(graph, input, notifierOf(route()))).toEqual({ result: 'undeliverable' });
    expect(await messagesFor(customer_id)).toEqual([]);
    expect(await noticeEvents(graph, customer_id)).toHaveLength(1);
  });
});

/** Does not respond until the test releases it, after the sending process was killed. */
async function hangingWebhook() {
  const taken: unknown[] = [];
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  let hold = true;
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    taken.push({ key: request.headers['idempotency-key'], body: JSON.parse(await text(request)) });
    reach();
    if (!hold) response.writeHead(200).end();
  };
  const server = createHttpServer((request, response) => void take(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const route: Route = { by: 'webhook', url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
  const release = () => {
    hold = false;
  };
  return { route, taken, reached, release };
}

async function hangingMailServer(point: 'greeting' | 'content') {
  const taken: unknown[] = [];
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  let hold = true;
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    onConnect: (_session, done) => {
      if (!hold || point !== 'greeting') return done();
      reach();
    },
    onData: (stream, _session, done) => {
      void simpleParser(stream).then(({ messageId }) => {
        taken.push(messageId);
        reach();
        if (!hold) done();
      });
    },
  });
  server.on('error', () => {});
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  onTestFinished(() => server.close());
  const { port } = server.server.address() as AddressInfo;
  const release = () => {
    hold = false;
  };
  return { route: { by: 'smtp', url: `smtp://127.0.0.1:${port}` } as Route, taken, reached, release };
}

describe('a worker is killed', () => {
  async function killAt(receiver: { route: Route; reached: Promise<void>; release: () => void }) {
    const { customer_id, notice } = await customerWithObligation(graph);
    const input = notice('no_alternative');
    const child = deliverInProcess({ input, route: receiver.route, keys });
    const exited = once(child, 'exit');
    await Promise.race([receiver.reached, exited]);
    child.kill('SIGKILL');
    expect((await exited)[1]).toBe('SIGKILL');
    receiver.release();
    return { customer_id, input };
  }

  test('after a delivery by webhook: it is delivered again under the same key once the lease has expired', async () => {
    const receiver = await hangingWebhook();
    const { customer_id, input } = await killAt(receiver);
    const early = deliver(graph, input, notifierOf(receiver.route));
    await expect(early).rejects.toMatchObject({ type: 'notifier_unavailable' });
    expect(receiver.taken).toHaveLength(1);

    const late = { now: Date.now() + LEASE_EXPIRED_MS };
    const tries = await Promise.allSettled(
      Array.from({ length: 5 }, () => deliver(graph, input, notifierOf(receiver.route), late)),
    );
    expect(tries.map(({ status }) => status)).toContain('fulfilled');
    const { notification_id } = input;
    expect(receiver.taken).toMatchObject([
      { key: notification_id, body: { notification_id } },
      { key: notification_id, body: { notification_id } },
    ]);
    expect(await noticeEvents(graph, customer_id)).toMatchObject([{ type: 'NoticeSent' }]);
  });

  test('after the mail server received the content: it is not sent again, and the event says that it may have arrived', async () => {
    const receiver = await hangingMailServer('content');
    const { customer_id, input } = await killAt(receiver);
    const early = deliver(graph, input, notifierOf(receiver.route));
    await expect(early).rejects.toMatchObject({ type: 'notifier_unavailable' });
    const late = await deliver(graph, input, notifierOf(receiver.route), {
      now: Date.now() + LEASE_EXPIRED_MS,
    });
    expect(late).toEqual({ result: 'undeliverable' });
    expect(receiver.taken).toHaveLength(1);
    expect(await noticeEvents(graph, customer_id)).toMatchObject([
      { type: 'NoticeFailed', channel: 'email', reason: expect.stringContaining('may have arrived') },
    ]);
  });

  test('before the mail server received the content: it is not sent again, because the outcome is unknown', async () => {
    const receiver = await hangingMailServer('greeting');
    const { customer_id, input } = await killAt(receiver);
    const late = await deliver(graph, input, notifierOf(receiver.route), {
      now: Date.now() + LEASE_EXPIRED_MS,
    });
    expect(late).toEqual({ result: 'undeliverable' });
    expect(receiver.taken).toEqual([]);
    expect(await noticeEvents(graph, customer_id)).toMatchObject([{ type: 'NoticeFailed' }]);
  });
});
