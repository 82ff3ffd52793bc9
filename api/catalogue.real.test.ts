/** The catalogue of agents' personas over REST, against three real API processes. */

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type ModelSimulator, startModelSimulator } from '../dev/simulators/model/server.ts';
import { PutPersonaRequest } from '../proto/gen/persona/v1/persona_catalogue.ts';
import { type ApiProcess, startApiProcess, unaryCall } from '../test/api-fixture.ts';
import { testPersona } from '../test/catalogue-fixtures.ts';
import { startTcpProxy } from '../test/faults/proxy.ts';
import { rpcError, sendChange, sendRequest } from './api-fixtures.ts';

let processes: [ApiProcess, ApiProcess, ApiProcess];
beforeAll(async () => {
  processes = await Promise.all([startApiProcess({}), startApiProcess({}), startApiProcess({})]);
});
afterAll(async () => {
  await Promise.all(processes.map((api) => api.stop()));
});

const newName = () => `persona-${randomUUID()}`;
const pathOf = (name: string) => `/personas/${name}`;
const input = (system_prompt: string, change: object = {}) => {
  const { context: _, response_format: __, ...content } = testPersona({ system_prompt });
  return { ...content, ...change };
};
const put = (name: string, body: object, condition: Record<string, string>, api = processes[0]) =>
  sendChange(api, 'PUT', pathOf(name), { headers: condition, body });
const add = (name: string, body: object = input('One.')) => put(name, body, { 'if-none-match': '*' });
const post = (path: string, body: object) =>
  sendRequest(processes[0], path, body, { 'idempotency-key': randomUUID() });
const problemFields = (body: { errors: { pointer: string }[] }) => body.errors.map(({ pointer }) => pointer);

test('a persona is added once, changed on the version that was read, rolled back and deactivated', async () => {
  const [first] = processes;
  const name = newName();
  const added = await add(name);
  expect(added).toMatchObject({ status: 201, etag: '"1"', body: { name, version: 1, is_active: true } });
  expect(await add(name)).toMatchObject({ status: 201, body: { version: 1 } });
  expect(await add(name, input('Other.'))).toMatchObject({ status: 412 });
  const changed = await put(name, input('Two.', { reason: 'clearer' }), { 'if-match': '"1"' });
  expect(changed).toMatchObject({ status: 200, etag: '"2"', body: { system_prompt: 'Two.' } });
  expect(await put(name, input('Three.'), { 'if-match': '"1"' })).toMatchObject({ status: 412 });
  expect(await put(name, input('Two.'), { 'if-match': '*' })).toMatchObject({ status: 200, etag: '"2"' });
  expect(await put(name, input('Three.'), {})).toMatchObject({ status: 428 });
  expect(await put(newName(), input('One.'), { 'if-match': '*' })).toMatchObject({ status: 404 });
  expect(await put(name, input('Three.'), { 'if-none-match': '"2"' })).toMatchObject({ status: 422 });

  const rolledBack = await post(`${pathOf(name)}/activate`, { version: 1, reason: 'worse answers' });
  expect(rolledBack).toMatchObject({ status: 200, body: { system_prompt: 'One.', version: 3 } });
  expect(await post(`${pathOf(name)}/activate`, { version: 7 })).toMatchObject({
    status: 404,
    body: { type: 'urn:persona:error:persona_version_not_found' },
  });
  const deactivated = await post(`${pathOf(name)}/deactivate`, {});
  expect(deactivated).toMatchObject({ body: { is_active: false, version: 4 } });

  const older = await sendRequest(first, `${pathOf(name)}?version=2`);
  expect(older).toMatchObject({ status: 200, body: { system_prompt: 'Two.', version: 2 } });
  const { body: history } = await sendRequest(first, `${pathOf(name)}/versions?limit=3`);
  expect(history.items).toMatchObject([
    { version: 4, change: 'deactivated' },
    { version: 3, change: 'activated', restored_version: 1, reason: 'worse answers', actor: 'service' },
    { version: 2, change: 'put', reason: 'clearer' },
  ]);
  const rest = await sendRequest(first, `${pathOf(name)}/versions?cursor=${history.next_cursor}`);
  expect(rest.body).toMatchObject({ items: [{ version: 1 }], next_cursor: null });
  const { body: differences } = await sendRequest(first, `${pathOf(name)}/diff?from=2`);
  expect(differences).toEqual({
    ...{ name, from: 2, to: 4 },
    differences: [
      { field: 'system_prompt', from: 'Two.', to: 'One.' },
      { field: 'is_active', from: true, to: false },
    ],
  });
});

test('lists are filtered and paged; they name every field that the first gateway had', async () => {
  const [first] = processes;
  const expertise = [`field-${randomUUID()}`];
  const names = [newName(), newName(), newName()].sort();
  for (const name of names) await add(name, input('One.', { expertise, persona_type: 'meta-orchestration' }));
  await post(`${pathOf(names[2] ?? '')}/deactivate`, {});
  const query = `type=meta-orchestration&expertise=${expertise[0]?.toUpperCase()}`;
  const { body: page } = await sendRequest(first, `/personas?${query}&limit=2`);
  expect(page).toMatchObject({ personas: names.slice(0, 2), total: 3, database_backed: true });
  expect(Object.keys(page.items[0])).toEqual([
    'name',
    'display_name',
    'role',
    'persona_type',
    'version',
    'is_active',
  ]);
  expect(Date.parse(page.cache_loaded_at)).toBeLessThanOrEqual(Date.now());
  const rest = await sendRequest(first, `/personas?${query}&cursor=${page.next_cursor}`);
  expect(rest.body).toMatchObject({ personas: names.slice(2), total: 3 });
  expect(rest.body.next_cursor).toBeUndefined();
  expect((await sendRequest(first, `/personas?${query}&active=false`)).body.personas).toEqual(names.slice(2));
});

test('bad input is refused with all its problems, and changes nothing', async () => {
  const name = newName();
  const wrong = await add(name, input('', { role: 'two\nlines', persona_type: 'unheard-of', version: 3 }));
  expect(wrong).toMatchObject({ status: 422 });
  expect(problemFields(wrong.body)).toEqual(['#/version', '#/role', '#/system_prompt', '#/persona_type']);
  const large = await add(name, input('x'.repeat(10 * 1_024 * 1_024)));
  expect(large).toMatchObject({ status: 413, body: { detail: 'The body must not exceed 64 KiB' } });
  expect(await add('Not-A-Name')).toMatchObject({ status: 422 });
  const asUuid = await add(randomUUID());
  expect(problemFields(asUuid.body)).toEqual(['#/name']);
  expect(await sendRequest(processes[0], pathOf(name))).toMatchObject({
    status: 404,
    body: { type: 'urn:persona:error:persona_not_found' },
  });
  await add(name);
  const noMetric = await post(`${pathOf(name)}/metrics`, {
    metrics: [{ name: 'a b', value: 'x', unit: 'ms' }],
  });
  expect(problemFields(noMetric.body)).toEqual(['#/metrics/0/value', '#/metrics/0/name']);
  const tooMany = { metrics: Array(1_001).fill({ name: 'n', value: 1, unit: 'u' }) };
  expect(await post(`${pathOf(name)}/metrics`, tooMany)).toMatchObject({ status: 422 });
  const readMetrics = async (query: string, of = name) => {
    const { status, body } = await sendRequest(processes[0], `${pathOf(of)}/metrics?name=latency&${query}`);
    return status === 422 ? problemFields(body) : status;
  };
  for (const every of ['1s', '367d', `${'9'.repeat(400)}d`, '-1h'])
    expect(await readMetrics(`every=${every}`)).toEqual(['#/every']);
  expect(await readMetrics('from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z')).toEqual(['#/to']);
  expect(await readMetrics('every=366d')).toBe(200);
  expect(await readMetrics('every=1h', newName())).toBe(404);
  const ofNext = { metrics: [{ name: 'latency', value: 1, unit: 'ms', version: 2 }] };
  expect(await post(`${pathOf(name)}/metrics`, ofNext)).toMatchObject({ status: 404 });
});

test('the longest batch of metrics is taken, and a longer body is not', async () => {
  const name = newName();
  await add(name);
  const at = new Date().toISOString();
  const metric = {
    name: 'n'.repeat(100),
    value: -1.234_567_890_123_4e-99,
    unit: 'u'.repeat(20),
    at,
    version: 1,
  };
  const metrics = Array(1_000).fill(metric);
  expect(await post(`${pathOf(name)}/metrics`, { metrics })).toMatchObject({ body: { recorded: 1_000 } });
  const longer = { metrics, padding: 'x'.repeat(64 * 1_024) };
  expect(await post(`${pathOf(name)}/metrics`, longer)).toMatchObject({
    ...{ status: 413, body: { detail: 'The body must not exceed 256 KiB' } },
  });
});

test('metrics are recorded once for each key and read by period; configurations have versions', async () => {
  const [first] = processes;
  const name = newName();
  await add(name);
  const metrics = [10, 20, 30].map((value) => ({ name: 'latency', unit: 'ms', value }));
  const headers = { 'idempotency-key': randomUUID() };
  for (let time = 0; time < 2; time += 1)
    expect(await sendRequest(first, `${pathOf(name)}/metrics`, { metrics }, headers)).toMatchObject({
      status: 201,
      body: { recorded: 3 },
    });
  const to = new Date(Date.now() + 60_000).toISOString();
  const { body } = await sendRequest(first, `${pathOf(name)}/metrics?name=latency&every=1d&to=${to}`);
  const counted = body.items.reduce((sum: number, { count }: { count: number }) => sum + count, 0);
  expect([counted, body.items.at(-1)]).toEqual([3, expect.objectContaining({ mean: 20, p50: 20 })]);

  const path = `/persona-configurations/metrics.${randomUUID()}`;
  const store = (value: unknown, condition: Record<string, string>) =>
    sendChange(first, 'PUT', path, { headers: condition, body: { value } });
  expect(await store({ days: 7 }, { 'if-none-match': '*' })).toMatchObject({ status: 201, etag: '"1"' });
  expect(await store({ days: 8 }, { 'if-match': '"1"' })).toMatchObject({ status: 200, etag: '"2"' });
  expect(await store({ days: 9 }, { 'if-match': '"1"' })).toMatchObject({ status: 412 });
  expect(await sendRequest(first, path)).toMatchObject({ body: { value: { days: 8 }, version: 2 } });
});

test('no process answers an older version than what was acknowledged two seconds before, and none goes back', async () => {
  const name = newName();
  await add(name);
  const acknowledged: { version: number; at: number }[] = [{ version: 1, at: performance.now() }];
  const reads: { api: number; version: number; at: number }[] = [];
  const end = new AbortController();
  const readers = processes.map(async (api, index) => {
    while (!end.signal.aborted) {
      const at = performance.now();
      const { body, status } = await sendRequest(api, pathOf(name));
      // A process may not know the persona yet.
      reads.push({ api: index, version: status === 200 ? body.version : 0, at });
      await setTimeout(5);
    }
  });
  for (let version = 1; version < 13; version += 1) {
    const writer = processes[version % 3] ?? processes[0];
    const { body } = await put(name, input(`${version}.`), { 'if-match': `"${version}"` }, writer);
    acknowledged.push({ version: body.version, at: performance.now() });
    // The writer reads its own write at once, there and, with min_version, everywhere.
    expect((await sendRequest(writer, pathOf(name))).body.version).toBe(version + 1);
    for (const api of processes) {
      const own = await sendRequest(api, `${pathOf(name)}?min_version=${version + 1}`);
      expect(own.body.version).toBe(version + 1);
    }
    await setTimeout(100);
  }
  await setTimeout(2_000);
  end.abort();
  await Promise.all(readers);
  const tooOld = reads.filter(({ version, at }) =>
    acknowledged.some((write) => write.at < at - 2_000 && write.version > version),
  );
  expect(tooOld).toEqual([]);
  for (const index of [0, 1, 2]) {
    const seen = reads.filter(({ api }) => api === index).map(({ version }) => version);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(13);
  }
});

test('the same over gRPC; who watches sees each change, whichever process makes it', async () => {
  const [first, second] = processes;
  const name = newName();
  const call = (rpc: string, request: object) =>
    unaryCall<Record<string, any>>(first.catalogue, rpc, request);
  const putOver = (change: object) =>
    call('putPersona', { ...PutPersonaRequest.fromPartial({ name, ...input('One.') }), ...change });
  expect(await putOver({ expected_version: 0n })).toMatchObject({ changed: true, persona: { version: 1n } });
  const stale = await rpcError(putOver({ expected_version: 0n, system_prompt: 'Two.' }));
  expect(stale.code).toBe(status.ABORTED);
  for (const length of [64 * 1_024, 10 * 1_024 * 1_024]) {
    const large = await rpcError(putOver({ system_prompt: 'x'.repeat(length) }));
    const refusal = [status.RESOURCE_EXHAUSTED, expect.stringContaining('larger than max')];
    expect([large.code, large.details]).toEqual(refusal);
  }
  expect(await call('getPersona', { name, version: 0n, min_version: 0n })).toMatchObject({
    persona: { system_prompt: 'One.', version: 1n },
  });
  const wrong = await rpcError(putOver({ role: '' }));
  expect([wrong.code, wrong.details]).toEqual([status.INVALID_ARGUMENT, 'role: is required']);

  await expect.poll(async () => (await sendRequest(second, pathOf(name))).status).toBe(200);
  const seen: [string, string][] = [];
  const stream = second.catalogue.watchPersonas({ from_start: true, names: [name] });
  const ended = once(stream, 'end');
  stream.on('data', ({ persona }) => seen.push([persona.name, persona.system_prompt]));
  await expect.poll(() => seen.length).toBe(1);
  await putOver({ system_prompt: 'Two.', context: 'More.' });
  await expect
    .poll(() => seen)
    .toEqual([
      [name, 'One.'],
      [name, 'Two.'],
    ]);
  const found = await call('getPersona', { name, version: 0n, min_version: 0n });
  expect(found).toMatchObject({ persona: { context: 'More.', version: 2n, is_active: true } });
  expect(found.stale_seconds).toBeUndefined();
  const old = await call('getPersona', { name, version: 1n, min_version: 0n });
  expect(old.persona).toMatchObject({ system_prompt: 'One.', context: undefined });
  const list = await call('listPersonas', { persona_type: '', expertise: '', limit: 1, cursor: '' });
  expect(list).toMatchObject({ items: [{ version: expect.any(BigInt) }], next_cursor: expect.any(String) });
  const unknown = await rpcError(call('getPersona', { name: 'no-such', version: 0n, min_version: 0n }));
  expect(unknown.code).toBe(status.NOT_FOUND);
  stream.cancel();
  await ended.catch(() => {});
});

test('a version that does not exist yet is refused, not invented', async () => {
  const name = newName();
  await add(name);
  expect(await sendRequest(processes[1], `${pathOf(name)}?min_version=9`)).toMatchObject({
    status: 404,
    body: { type: 'urn:persona:error:persona_version_not_found' },
  });
});

test('while Neo4j is away the catalogue is served as it was, marked with its age', async () => {
  const name = newName();
  await add(name);
  const port = new URL(process.env.NEO4J_URI ?? '').port;
  const proxy = await startTcpProxy(`127.0.0.1:${port}`);
  const api = await startApiProcess({ NEO4J_URI: `bolt://${proxy.address}` });
  onTestFinished(async () => void (await api.stop()));
  const fresh = await sendRequest(api, pathOf(name));
  expect([fresh.status, fresh.headers.get('warning')]).toEqual([200, null]);
  await proxy.close();
  const headersOf = async (path: string) => {
    const { status, headers } = await sendRequest(api, path);
    return [status, headers.get('warning'), Number(headers.get('age')) >= 2];
  };
  const stale = [200, '110 persona "Response is stale"', true];
  await expect.poll(() => headersOf(pathOf(name)), { timeout: 20_000 }).toEqual(stale);
  expect(await headersOf('/personas')).toEqual(stale);
  expect((await sendRequest(api, pathOf(name))).body).toEqual(fresh.body);
  const refused = await put(name, input('Two.'), { 'if-match': '"1"' }, api);
  expect(refused).toMatchObject({ status: 503 });
  const over = (rpc: string, request: object) => unaryCall<Record<string, any>>(api.catalogue, rpc, request);
  const filter = { persona_type: '', expertise: '', limit: 1, cursor: '' };
  for (const answer of [
    over('getPersona', { name, version: 0n, min_version: 0n }),
    over('listPersonas', filter),
  ])
    expect((await answer).stale_seconds).toBeGreaterThanOrEqual(2);
  expect(await sendRequest(api, '/health')).toMatchObject({
    status: 200,
    body: { status: 'degraded', database: 'down', cache: { age_s: expect.any(Number) } },
  });

  const again = await startTcpProxy(`127.0.0.1:${port}`, Number(proxy.address.split(':')[1]));
  onTestFinished(() => again.close());
  await put(name, input('Two.'), { 'if-match': '"1"' });
  const current = async () => {
    const { body, headers } = await sendRequest(api, pathOf(name));
    return [body.version, headers.get('warning')];
  };
  await expect.poll(current, { timeout: 20_000 }).toEqual([2, null]);
});

describe('asking a persona', () => {
  let simulator: ModelSimulator;
  let api: ApiProcess;
  const name = newName();
  beforeAll(async () => {
    simulator = await startModelSimulator();
    const model = { MODEL_API_BASE: simulator.base, MODEL_NAME: 'simulated' };
    api = await startApiProcess({ ...model, RETRIEVAL_API_BASE: simulator.url, LOG_LEVEL: 'debug' });
    await put(name, input('You are the route planner.'), { 'if-none-match': '*' }, api);
  });
  afterAll(async () => {
    await api.stop();
    await simulator.close();
  });
  const setMode = (mode: string) => fetch(`${simulator.url}/_sim/mode`, { method: 'PUT', body: mode });
  const modelRequests = async () => {
    const { data } = (await (await fetch(`${simulator.url}/_sim/requests`)).json()) as { data: any };
    return data;
  };
  const ask = (body: object, signal = AbortSignal.timeout(20_000), accept = 'application/json') =>
    fetch(`${api.http}/persona/${name}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept },
      body: JSON.stringify(body),
      signal,
    });

  test('the model answers with its instructions and what was retrieved; what it took becomes metrics', async () => {
    const response = await sendRequest(api, `/persona/${name}`, {
      message: 'Which route?',
      context: 'EU card',
    });
    expect(response).toMatchObject({
      status: 200,
      body: { persona: name, version: 1, model: 'simulated', retrieval: 'used', usage: expect.anything() },
    });
    expect(response.body.answer).toContain('You are the route planner.');
    expect(response.body.answer).toContain('EU card Which route?');
    const [{ body }] = await modelRequests();
    expect(body.messages[0].content).toContain('A note about: Which route?');
    const measured = async (metric: string) =>
      (await sendRequest(api, `/personas/${name}/metrics?name=${metric}&every=1d`)).body.items.length;
    for (const metric of ['ask.latency', 'ask.tokens.in', 'ask.tokens.out'])
      await expect.poll(() => measured(metric)).toBe(1);
    expect(await (await fetch(api.metrics)).text()).toContain(
      'persona_model_duration_seconds_count{result="ok"} 1',
    );
  });

  test('as server-sent events it comes in parts, and a failure after the first is an event', async () => {
    const whole = await (await ask({ message: 'Which route?', stream: true })).text();
    expect(whole.match(/^event: text$/gm)?.length).toBeGreaterThan(5);
    expect(whole).toMatch(/event: done\ndata: \{"persona":"[^\n]*"usage"/);
    const accepted = await ask({ message: 'Which route?' }, undefined, 'text/event-stream');
    expect(accepted.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(await accepted.text()).toContain('event: done');
    await setMode('break_off');
    const broken = await ask({ message: 'Which route?', stream: true });
    expect([broken.status, await broken.text()]).toEqual([
      200,
      expect.stringMatching(/event: error\ndata: \{"type":"urn:persona:error:model_unavailable"/),
    ]);
    await setMode('ok');
  });

  test('a caller who leaves ends the request to the model', async () => {
    await setMode('endless');
    const leave = new AbortController();
    const response = await ask({ message: 'Never ends', stream: true }, leave.signal);
    await response.body?.getReader().read();
    const inProgress = async () =>
      /^persona_requests_in_progress (\d+)$/m.exec(await (await fetch(api.metrics)).text())?.[1];
    expect(await inProgress()).toBe('1');
    leave.abort();
    await expect.poll(inProgress).toBe('0');
    const last = async () => (await modelRequests()).at(-1).ended;
    await expect.poll(last, { timeout: 5_000 }).toBe(true);
    await setMode('ok');
  });

  test('neither instructions nor questions are in the log, however they failed', async () => {
    const refused = await rpcError(
      unaryCall(api.catalogue, 'putPersona', {
        ...PutPersonaRequest.fromPartial({ name, ...input('You are the route planner.'.repeat(400_000)) }),
      }),
    );
    expect(refused.code).toBe(status.RESOURCE_EXHAUSTED);
    for (const mode of ['error_500', 'error_body', 'rate_limited_bare', 'break_off']) {
      await setMode(mode);
      await (await ask({ message: 'Which route?', stream: mode === 'break_off' })).text();
    }
    await setMode('ok');
    await expect.poll(api.log).toMatch(/an answer ended early/);
    expect(api.log()).toMatch(/"operation":"POST \/persona\/:name","code":"503"/);
    expect(api.log()).not.toMatch(/route planner|Which route|Never ends|A note about/);
  });

  test('without a model, of one that is away, and of a persona that is not active the error says why', async () => {
    // Another process added the persona: this one knows it within two seconds.
    const none = () => sendRequest(processes[0], `/persona/${name}`, { message: 'Hello' });
    const reason = { status: 503, body: { detail: expect.stringContaining('MODEL_API_BASE') } };
    await expect.poll(none, { timeout: 2_000 }).toMatchObject(reason);
    const health = async (of: ApiProcess) => (await sendRequest(of, '/health')).body;
    expect(await health(processes[0])).toMatchObject({
      ...{ status: 'ok', database: 'up', retrieval_engine: 'not_configured', model: 'not_configured' },
      cache: { loaded_at: expect.any(String), age_s: expect.any(Number), hit_ratio: expect.any(Number) },
      personas: { total: expect.any(Number), by_type: { standard: expect.any(Number) } },
    });
    expect(await health(api)).toMatchObject({ retrieval_engine: 'available', model: 'available' });
    await setMode('error_500');
    expect(await (await ask({ message: 'Hello' })).json()).toMatchObject({
      ...{ status: 503, type: 'urn:persona:error:model_unavailable' },
      detail: expect.stringContaining('500'),
    });
    await setMode('ok');
    expect((await ask({ message: '' })).status).toBe(422);
    await sendRequest(api, `/personas/${name}/deactivate`, {}, { 'idempotency-key': randomUUID() });
    expect(await (await ask({ message: 'Hello' })).json()).toMatchObject({ status: 409 });
  });
});
