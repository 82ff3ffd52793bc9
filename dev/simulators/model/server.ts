/** The model simulator: speaks OpenAI's chat completions, and answers with what it was asked; also a retrieval engine. */

import { setTimeout } from 'node:timers/promises';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { dropConnection, type HttpEnv, type RunningHttpServer, listen } from '../listen.ts';
import { readMode } from '../mode.ts';

/**
 * `away`: connections are closed without a response; `hang`: no response comes; `garbage`: something else than a completion;
 * `error_500`; `error_body` and `error_event`: an error with status 200; `rate_limited`: 429, to be asked again in 7 s;
 * `rate_limited_bare`: 429 alone; `refused`: 400, as of a question that is too long; `break_off`: the connection ends after
 * the first words; `stall`: nothing follows them; `endless`: words without an end; `flood`: a line without an end.
 */
const MODES = [
  ...['ok', 'away', 'hang', 'garbage', 'error_500', 'error_body', 'error_event'],
  ...['rate_limited', 'rate_limited_bare', 'refused', 'break_off', 'stall', 'endless', 'flood'],
];
const WORD_MS = 2;

interface ChatRequest {
  model: string;
  stream?: boolean;
  max_tokens?: number;
  messages: { role: string; content: string }[];
}

export interface ModelSimulator extends RunningHttpServer {
  /** For `MODEL_API_BASE`. */
  base: string;
}

/** Starts a model on 127.0.0.1. @param port 0 or absent: any free one */
export async function startModelSimulator({ port }: { port?: number } = {}): Promise<ModelSimulator> {
  let mode = 'ok';
  const requests: { at: string; body: ChatRequest; ended: boolean }[] = [];
  const app = new Hono<HttpEnv>();

  app.post('/v1/chat/completions', async (c) => {
    const body = await c.req.json<ChatRequest>();
    const request = { at: new Date().toISOString(), body, ended: false };
    requests.push(request);
    if (mode === 'away') return dropConnection(c);
    if (mode === 'hang') return new Promise<Response>(() => {});
    // As real models do, an error repeats what was asked.
    const error = { error: { message: `cannot answer: ${body.messages.at(-1)?.content}` } };
    if (mode === 'error_500') return c.json(error, 500);
    if (mode === 'error_body') return c.json(error);
    if (mode === 'rate_limited') return c.json(error, 429, { 'retry-after': '7' });
    if (mode === 'rate_limited_bare') return c.json(error, 429);
    if (mode === 'refused') return c.json(error, 400);
    if (mode === 'garbage') return c.html('<p>It works!</p>');
    const words = answerTo(body);
    return streamSSE(c, async (stream) => {
      let isOpen = true;
      stream.onAbort(() => {
        isOpen = false;
        request.ended = true;
      });
      if (mode === 'error_event') return stream.writeSSE({ data: JSON.stringify(error) });
      if (mode === 'flood') await stream.write('data: ');
      while (mode === 'flood' && isOpen) await stream.write('x'.repeat(10_000));
      const send = (part: object) =>
        stream.writeSSE({
          data: JSON.stringify({ object: 'chat.completion.chunk', model: body.model, ...part }),
        });
      for (let n = 0; isOpen && (n < words.length || mode === 'endless'); n += 1) {
        await send({ choices: [{ index: 0, delta: { content: `${words[n % words.length]} ` } }] });
        if (mode === 'break_off' && n === 1) return void c.env.incoming.socket.destroy();
        if (mode === 'stall' && n === 1) return new Promise(() => {});
        await setTimeout(WORD_MS);
      }
      if (!isOpen) return;
      const prompt_tokens = body.messages.reduce((sum, { content }) => sum + content.split(/\s+/).length, 0);
      await send({ choices: [], usage: { prompt_tokens, completion_tokens: words.length } });
      await stream.writeSSE({ data: '[DONE]' });
      request.ended = true;
    });
  });
  app.get('/v1/models', (c) => {
    if (mode === 'away') return dropConnection(c);
    return c.json({ data: [{ id: 'simulated', object: 'model' }] });
  });

  app.post('/retrieve', async (c) => {
    if (mode === 'away') return dropConnection(c);
    const { query } = await c.req.json<{ query: string }>();
    return c.json({ passages: [{ text: `A note about: ${query.slice(0, 60)}`, source: 'simulator' }] });
  });
  app.get('/health', (c) => (mode === 'away' ? dropConnection(c) : c.json({ status: 'ok' })));

  app.get('/_sim/requests', (c) => c.json({ data: requests }));
  app.on(['POST', 'PUT'], '/_sim/mode', async (c) => {
    const requested = readMode(await c.req.text(), MODES);
    if (requested === undefined) return c.json({ error: `mode: must be one of ${MODES.join(', ')}` }, 400);
    mode = requested.mode;
    return c.json({ mode });
  });

  const server = await listen(app.fetch, port);
  return { url: server.url, base: `${server.url}/v1`, close: server.close };
}

/** The start of the instructions and the message, so that a reader sees who was asked what. */
function answerTo({ messages, max_tokens = 200 }: ChatRequest): string[] {
  const [system, user] = messages;
  const first = system?.content.split('\n')[0] ?? '';
  return `As told (“${first}”), I answer: ${user?.content ?? ''}`.split(/\s+/).slice(0, max_tokens);
}
