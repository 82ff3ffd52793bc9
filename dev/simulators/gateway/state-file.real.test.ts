/** The state that survives when the simulator is killed. */

import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startGatewaySimulator } from './server.ts';

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
