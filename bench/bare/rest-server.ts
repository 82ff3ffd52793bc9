/** A minimal Hono server for a customer's payment methods, as a separate process: the same statements, the same body. */

import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { statusShownToCustomer } from '../../domain/payment-method.ts';
import { getPaymentMethods } from '../../graph/index.ts';
import { openReader } from './reader.ts';

const { HTTP_PORT, HTTP_TLS_CERT, HTTP_TLS_KEY } = process.env;
const reader = openReader();

const app = new Hono();
app.get('/api/v1/customers/:customer_id/payment-methods', async (c) => {
  const methods = await getPaymentMethods(reader, { customer_id: c.req.param('customer_id') });
  const items = methods.map((method) => ({ ...method, status: statusShownToCustomer(method.status) }));
  return c.json({ items, next_cursor: null }, 200);
});

const tls = HTTP_TLS_CERT &&
  HTTP_TLS_KEY && { cert: readFileSync(HTTP_TLS_CERT), key: readFileSync(HTTP_TLS_KEY) };
const options = { fetch: app.fetch, hostname: '127.0.0.1', port: Number(HTTP_PORT) };
serve(tls ? { ...options, createServer, serverOptions: tls } : options, (address) => {
  const { port } = address as AddressInfo;
  console.log(JSON.stringify({ ready: { http: `${tls ? 'https' : 'http'}://127.0.0.1:${port}` } }));
});
process.once('SIGTERM', () => process.exit(0));
