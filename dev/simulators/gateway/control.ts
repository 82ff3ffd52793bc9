/** `/_sim`: lets tests script the simulator and read what it has received. */

import { Hono } from 'hono';
import {
  announceMethodChange,
  capturePartially,
  detachSilently,
  failRefund,
  refuseRefunds,
} from './control-actions.ts';
import { changeIntent } from './checkout.ts';
import { changeDispute, openDispute, issueFraudWarning } from './disputes.ts';
import type { Gateway } from './gateway.ts';
import { changeMandate, readMandate } from './mandates.ts';
import { readMethodScript } from './method-script.ts';
import { methodObject } from './objects.ts';
import { ScriptError } from './steps.ts';
import type { Charge } from './store.ts';

export function controlRoutes(gateway: Gateway): Hono {
  const app = new Hono();

  app.put('/payment_methods/:id', async (c) => {
    const id = c.req.param('id');
    const before = gateway.store.methods.get(id);
    const method = readMethodScript(gateway, id, await jsonBody(c.req.raw));
    gateway.store.methods.set(id, method);
    gateway.save();
    // `announced=false`: the event is lost.
    const isLost = c.req.query('announced') === 'false';
    if (before !== undefined && !isLost) announceMethodChange(gateway, before, method);
    return c.json(methodObject(method));
  });

  app.post('/payment_methods/:id/detach_silently', (c) => c.json(detachSilently(gateway, c.req.param('id'))));

  app.put('/payment_intents/:id', async (c) => {
    return c.json(changeIntent(gateway, c.req.param('id'), await jsonBody(c.req.raw)));
  });

  app.put('/mandates/:id', async (c) => {
    const mandate = readMandate(gateway, c.req.param('id'), await jsonBody(c.req.raw));
    return c.json(changeMandate(gateway, mandate));
  });

  app.post('/refunds/:id/fail', async (c) => {
    return c.json(failRefund(gateway, c.req.param('id'), await jsonBody(c.req.raw)));
  });

  app.put('/charges/:id/refuse_refunds', async (c) => {
    return c.json(refuseRefunds(gateway, c.req.param('id'), await jsonBody(c.req.raw)));
  });

  app.post('/charges/:id/capture', async (c) => {
    return c.json(capturePartially(gateway, c.req.param('id'), await jsonBody(c.req.raw)));
  });

  app.post('/charges/:id/dispute', async (c) => {
    return c.json(openDispute(gateway, c.req.param('id'), await jsonBody(c.req.raw)));
  });

  app.put('/disputes/:id', async (c) => {
    return c.json(changeDispute(gateway, c.req.param('id'), await jsonBody(c.req.raw)));
  });

  app.post('/charges/:id/fraud_warning', async (c) => {
    return c.json(issueFraudWarning(gateway, c.req.param('id'), await jsonBody(c.req.raw)));
  });

  app.put('/rate_limit', async (c) => {
    return c.json(gateway.rateLimit.refuse(await jsonBody(c.req.raw)));
  });

  app.put('/webhooks', async (c) => {
    const { lost } = ((await jsonBody(c.req.raw)) ?? {}) as { lost?: unknown };
    if (typeof lost !== 'boolean') throw new ScriptError('lost: must be true or false');
    gateway.webhooks.setLost(lost);
    return c.json({ lost });
  });

  app.get('/holds', (c) => c.json({ data: gateway.holds.list() }));

  app.post('/holds/:id/release', (c) => {
    const id = c.req.param('id');
    if (gateway.holds.release(id)) return c.json({ released: id });
    return c.json({ error: { message: `Unknown hold '${id}'` } }, 404);
  });

  app.get('/charges', (c) => {
    const paymentId = c.req.query('payment_id');
    const charges = [...gateway.store.charges.values()].map(ledgerEntry);
    return c.json({
      data: charges.filter((entry) => paymentId === undefined || entry.payment_id === paymentId),
    });
  });

  app.get('/requests', (c) => c.json({ data: gateway.requests }));

  app.post('/clock', async (c) => {
    const body = await jsonBody(c.req.raw);
    const seconds = (body as { advance_s?: unknown } | null)?.advance_s;
    // A negative value sets the clock back, so that events are old once it is right again.
    if (typeof seconds !== 'number' || !Number.isFinite(seconds)) {
      throw new ScriptError('advance_s: must be a number of seconds');
    }
    gateway.clock.advance(seconds * 1000);
    return c.json({ now: new Date(gateway.clock.now()).toISOString() });
  });

  app.post('/reset', (c) => {
    gateway.reset();
    return c.json({ reset: true });
  });

  app.onError((error, c) => {
    if (error instanceof ScriptError) return c.json({ error: { message: error.message } }, 400);
    throw error;
  });
  return app;
}

async function jsonBody(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch {
    throw new ScriptError('the body must be JSON');
  }
}

/** The ledger's view of a charge: its actual state, and how many requests were received for it. */
function ledgerEntry(charge: Charge) {
  return {
    charge: charge.id,
    payment_intent: charge.intent.id,
    payment_id: charge.intent.metadata.payment_id ?? null,
    idempotency_key: charge.key?.key ?? null,
    customer: charge.intent.customer,
    payment_method: charge.requestedMethodId,
    amount: charge.amount,
    currency: charge.currency,
    status: ledgerStatus(charge),
    requests: charge.key?.requests ?? 1,
    created: charge.created,
  };
}

function ledgerStatus(charge: Charge): 'succeeded' | 'failed' | 'processing' | 'canceled' | 'refunded' {
  if (charge.amount_refunded > 0 && charge.amount_refunded >= charge.amount_captured) return 'refunded';
  return charge.status === 'pending' ? 'processing' : charge.status;
}
