/** A minimal Hono server for one JSON object per name, all of them in memory, as a separate process. `PERSONAS`: their API. */

import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';

const { HTTP_PORT, PERSONAS } = process.env;
const { items } = (await (await fetch(`${PERSONAS}/personas`)).json()) as { items: { name: string }[] };
const personas = new Map<string, object>();
for (const { name } of items)
  personas.set(name, (await (await fetch(`${PERSONAS}/personas/${name}`)).json()) as object);

const app = new Hono();
app.get('/personas/:name', (c) => {
  const persona = personas.get(c.req.param('name'));
  return persona === undefined ? c.notFound() : c.json(persona, 200);
});
serve({ fetch: app.fetch, hostname: '127.0.0.1', port: Number(HTTP_PORT) }, (address) => {
  const { port } = address as AddressInfo;
  console.log(JSON.stringify({ ready: { http: `http://127.0.0.1:${port}` } }));
});
process.once('SIGTERM', () => process.exit(0));
