/** The state that survives when the simulator is killed. */

import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { startGatewaySimulator } from '../server.ts';

const headers = { authorization: 'Bearer sk_test_1', 'content-type': 'application/x-www-form-urlencoded' };

async function post(url: string, path: string, body: Record<string, string>, key?: string) {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { ...headers, ...(key && { 'idempotency-key': key }) },
    body: new URLSearchParams(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, any> };
}

async function get(url: string, path: string) {
  return (await fetch(`${url}${path}`, { headers })).json() as Promise<Record<string, any>>;
}

/** A simulator restarted as if it had been killed now: the copied file does not get the original's later changes. */
async function startFromCopy(file: string) {
  copyFileSync(file, `${file}.copy`);
  return startGatewaySimulator({ stateFile: `${file}.copy` });
}

async function scripted(url: string, script: object[]) {
  const body = JSON.stringify({ customer: 'cus_1', script });
  expect((await fetch(`${url}/_sim/payment_methods/pm_1`, { method: 'PUT', body })).status).toBe(200);
}

const CHARGE = {
  amount: '900',
  currency: 'usd',
  customer: 'cus_1',
  payment_method: 'pm_1',
  confirm: 'true',
  'metadata[payment_id]': 'pay-1',
};

test('a killed simulator keeps charges and responses, settles pending charges, and repeats no charge', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'persona-gateway-'));
  const file = join(folder, 'state');
  const first = await startGatewaySimulator({ stateFile: file });
  const running = [first];
  try {
    const settle = { after_ms: 3_600_000, outcome: 'succeeded' };
    await scripted(first.url, [
      { do: 'approve' },
      { do: 'processing', settle },
      { do: 'hold_after_capture' },
    ]);
    const paid = await post(first.url, '/v1/payment_intents', CHARGE, 'key-1');
    await post(first.url, '/v1/payment_intents', CHARGE, 'key-2');
    void post(first.url, '/v1/payment_intents', CHARGE, 'key-3').catch(() => undefined);
    await expect.poll(async () => (await get(first.url, '/_sim/holds')).data).toHaveLength(1);

    const second = await startFromCopy(file);
    running.push(second);
    const ledger = async () =>
      (await get(second.url, '/_sim/charges?payment_id=pay-1')).data.map(
        (charge: { status: string }) => charge.status,
      );
    expect(await ledger()).toEqual(['succeeded', 'processing', 'succeeded']);
    expect(await post(second.url, '/v1/payment_intents', CHARGE, 'key-1')).toEqual(paid);
    // It was captured, but the response was not sent: it is never charged again under its key.
    expect(await post(second.url, '/v1/payment_intents', CHARGE, 'key-3')).toMatchObject({ status: 500 });
    await fetch(`${second.url}/_sim/clock`, { method: 'POST', body: JSON.stringify({ advance_s: 3_600 }) });
    expect(await ledger()).toEqual(['succeeded', 'succeeded', 'succeeded']);
  } finally {
    await Promise.all(running.map((simulator) => simulator.close()));
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a request that was killed before it was executed can be repeated under its key', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'persona-gateway-'));
  const file = join(folder, 'state');
  const first = await startGatewaySimulator({ stateFile: file });
  const running = [first];
  try {
    await scripted(first.url, [{ do: 'hold_before_capture' }]);
    void post(first.url, '/v1/payment_intents', CHARGE, 'key-1').catch(() => undefined);
    await expect.poll(async () => (await get(first.url, '/_sim/holds')).data).toHaveLength(1);
    const second = await startFromCopy(file);
    running.push(second);
    expect(await post(second.url, '/v1/payment_intents', CHARGE, 'key-1')).toMatchObject({
      status: 200,
      body: { status: 'succeeded' },
    });
    expect((await get(second.url, '/_sim/charges?payment_id=pay-1')).data).toHaveLength(1);
  } finally {
    await Promise.all(running.map((simulator) => simulator.close()));
    rmSync(folder, { recursive: true, force: true });
  }
});

test('an event that was not delivered before the kill is delivered afterwards, one that was is not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'persona-gateway-'));
  const file = join(folder, 'state');
  const received: string[] = [];
  let isAway = false;
  let refused = 0;
  const receiver = createServer((request, response) => {
    const refuses = isAway;
    void text(request).then((body) => {
      if (refuses) refused += 1;
      else received.push((JSON.parse(body) as { type: string }).type);
      response.writeHead(refuses ? 503 : 200).end();
    });
  });
  await once(receiver.listen(0, '127.0.0.1'), 'listening');
  const webhookUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  const first = await startGatewaySimulator({ stateFile: file, webhookUrl });
  const running = [first];
  try {
    await scripted(first.url, [{ do: 'approve' }, { do: 'decline' }]);
    await post(first.url, '/v1/payment_intents', CHARGE, 'key-1');
    await expect.poll(() => received).toEqual(['payment_intent.succeeded']);
    isAway = true;
    await post(first.url, '/v1/payment_intents', CHARGE, 'key-2');
    await expect.poll(() => refused).toBeGreaterThan(0);
    copyFileSync(file, `${file}.copy`);
    await first.close();
    isAway = false;
    running.push(await startGatewaySimulator({ stateFile: `${file}.copy`, webhookUrl }));
    await expect
      .poll(() => received, { timeout: 5_000 })
      .toEqual(['payment_intent.succeeded', 'payment_intent.payment_failed']);
  } finally {
    await Promise.all(running.map((simulator) => simulator.close()));
    receiver.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
