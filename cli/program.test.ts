import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { runCli } from './program.ts';

const CUSTOMER = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';
const RUN_FILE = '/does/not/exist/run.json';
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Starts an HTTP server that sends the same response to every request. @returns its port */
async function startServer(status: number, body: string, seen: string[] = []): Promise<string> {
  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    seen.push(`${request.method} ${request.url} ${await text(request)}`.trim());
    response.writeHead(status).end(body);
  };
  const server = createServer((request, response) => void respond(request, response));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return String((server.address() as AddressInfo).port);
}

async function run(args: string[], env: Record<string, string> = {}, input = '') {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCli(args, {
    env: { PERSONA_RUN_FILE: RUN_FILE, ...env },
    stdin: Readable.from([input]),
    out: (line) => out.push(line),
    err: (line) => err.push(line),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

test.each([
  [[]],
  [['fly']],
  [['verify']],
  [['verify', '--all', '--customer', CUSTOMER]],
  [['verify', '--customer', 'nobody']],
  [['context']],
  [['context', 'nobody']],
  [['context', CUSTOMER, CUSTOMER]],
  [['pause', 'not a payment']],
  [['cancel', 'p'.repeat(129)]],
  [['retry']],
  [['retry', 'p', '--all', '--rule', 'r']],
  [['retry', '--all']],
  [['retry', '--rule', 'r']],
  [['retry', 'p', '--dry-run']],
  [['expiry', 'run', '--as-of', '2027-02-30']],
  [['expiry', 'run', '--as-of', 'tomorrow']],
  [['retry', 'p', '--per-second', '1']],
  [['retry', '--all', '--rule', 'r', '--per-second', '0']],
  [['refund', 'not a payment']],
  [['resolve', 'p', '--attempt', 'k', '--result', 'maybe', '--evidence', 'e']],
  [['resolve', 'p', '--result', 'declined', '--evidence', 'e']],
  [['recover', '/does/not/exist']],
  [['import']],
  [['import', '/does/not/exist']],
  [['timeline', CUSTOMER, '--limit', '0']],
  [['recoveries', CUSTOMER, '--limit', '101']],
  [['review', 'case-1']],
  [['review', 'case-1', 'maybe']],
  [['review', 'case-1', 'clear', '--limit', '3']],
  [['review', 'list', '--limit', '0']],
  [['contests', 'show']],
  [['contests', 'decide', 'c', 'maybe', '--explanation', 'e']],
  [['contests', 'decide', 'c', 'upheld']],
  [['contests', 'decide', 'c', 'upheld', '--explanation', 'e', '--correct', `eraseCustomer:${CUSTOMER}`]],
  [['contests', 'decide', 'c', 'upheld', '--explanation', 'e', '--correct', 'unlinkDevice:d']],
  [['reinstate']],
  [['reinstate', 'nobody']],
])('%j is a usage error, reported on stderr alone', async (args) => {
  const { code, out, err } = await run(args);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).not.toBe('');
});

test('--help prints the help and succeeds', async () => {
  const { code, out, err } = await run(['--help']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  for (const name of ['doctor', 'recover', 'verify', 'resolve']) expect(out).toContain(`  ${name} `);
  expect(await run(['resolve', '--help'])).toMatchObject({
    code: 0,
    out: expect.stringContaining('--evidence'),
  });
});

test('page options are passed on unchanged, and --json prints the response unchanged', async () => {
  const seen: string[] = [];
  const page = {
    items: [{ seq: 3, type: 'T', occurred_at: '2026-04-18T10:00:00Z', text: 'It.' }],
    next_cursor: 'n',
  };
  const HTTP_PORT = await startServer(200, JSON.stringify(page), seen);
  const args = ['timeline', CUSTOMER.toUpperCase(), '--limit', '1', '--cursor', 'a&b'];
  const json = await run([...args, '--json'], { HTTP_PORT });
  expect(json.code).toBe(0);
  expect(JSON.parse(json.out)).toEqual(page);
  expect(seen).toEqual([`GET /api/v1/customers/${CUSTOMER}/timeline?limit=1&cursor=a%26b`]);
  const words = await run(args, { HTTP_PORT });
  expect(words.out).toContain('│ 3   │ 2026-04-18 10:00:00 │ It.  │');
  expect(words.out).toContain('--cursor n');
});

test('a payment failure on standard input is passed to the API unchanged', async () => {
  const seen: string[] = [];
  const HTTP_PORT = await startServer(202, '{"workflow_id":"recovery:p"}', seen);
  expect(await run(['recover', '-'], { HTTP_PORT }, '{"a": 1}')).toMatchObject({
    code: 0,
    out: 'Recovery started: recovery:p',
  });
  expect(seen).toEqual(['POST /internal/v1/payment-failures {"a": 1}']);
});

const problem = (status: number) => ({
  type: 'urn:persona:error:x',
  title: 'Title',
  status,
  detail: 'detail',
  errors: [{ pointer: '#/amount', message: 'must be at least 1' }],
});

test.each([
  [404, 1],
  [422, 1],
  [500, 1],
  [503, 3],
  [504, 3],
])('status %i results in exit code %i, with the problem document under --json', async (status, code) => {
  const HTTP_PORT = await startServer(status, JSON.stringify(problem(status)));
  const json = await run(['customer', CUSTOMER, '--json'], { HTTP_PORT });
  expect(json.code).toBe(code);
  expect(JSON.parse(json.out)).toEqual(problem(status));
  const words = await run(['customer', CUSTOMER], { HTTP_PORT });
  expect(words).toEqual({
    code,
    out: '',
    err: 'persona: Title: detail\n  amount: must be at least 1',
  });
});

test('field problems are reported once each', async () => {
  const errors = [
    { pointer: '#/digital_identifiers/0/value', message: 'must be an e-mail address' },
    { pointer: '#', message: 'must be an object' },
  ];
  const detail = 'digital_identifiers[0].value: must be an e-mail address; the request: must be an object';
  const HTTP_PORT = await startServer(422, JSON.stringify({ ...problem(422), detail, errors }));
  expect((await run(['customer', CUSTOMER], { HTTP_PORT })).err).toBe(
    'persona: Title:\n  digital_identifiers[0].value: must be an e-mail address\n  the request: must be an object',
  );
});

test('doctor reports that no local instance is running', async () => {
  const { code, out } = await run(['doctor', '--json'], { HTTP_PORT: '1', GRPC_PORT: '1' });
  expect(code).toBe(3);
  expect(JSON.parse(out).checks).toContainEqual({
    name: 'addresses',
    state: 'wrong',
    detail: expect.stringContaining('no local instance is running'),
    remedy: expect.stringContaining('npm start'),
  });
});

test('another program on the port is not mistaken for Persona', async () => {
  const HTTP_PORT = await startServer(200, '<html>');
  expect(await run(['customer', CUSTOMER], { HTTP_PORT })).toMatchObject({
    code: 1,
    err: expect.stringContaining('another program may be listening there'),
  });
});

test('verify without keys names the missing ones and where those of a local instance are stored', async () => {
  const { code, err } = await run(['verify', '--all'], {
    NEO4J_URI: 'bolt://127.0.0.1:1',
    NEO4J_PASSWORD: 'x',
  });
  expect(code).toBe(2);
  expect(err).toContain('PERSONA_KEYS: is missing');
  expect(err).toContain('.persona/run.env');
});

test('an import without a graph reports its progress and how to resume', async () => {
  const key = `k:${Buffer.alloc(32, 1).toString('base64')}`;
  const { code, out, err } = await run(['import', import.meta.filename], {
    // Nothing listens on port 1.
    ...{ NEO4J_URI: 'bolt://127.0.0.1:1', NEO4J_USERNAME: 'neo4j', NEO4J_PASSWORD: 'x' },
    ...{
      PERSONA_KEYS: key,
      PERSONA_BLIND_KEYS: key,
      TEMPORAL_CODEC_KEYS: key,
      TEMPORAL_ADDRESS: '127.0.0.1:1',
    },
  });
  expect({ code, out }).toEqual({ code: 3, out: '' });
  expect(err).toContain('Neo4j cannot be reached');
  expect(err).toContain('Lines imported earlier are not affected');
  expect(err).toContain('Run the same command again to resume');
});

test('a replay into a Neo4j that cannot be used names it, and not the variables of this one', async () => {
  const key = `k:${Buffer.alloc(32, 1).toString('base64')}`;
  const into = 'bolt://127.0.0.1:1';
  const { code, err } = await run(['replay', '--into', into], {
    ...{ NEO4J_URI: 'bolt://127.0.0.1:2', NEO4J_USERNAME: 'neo4j', NEO4J_PASSWORD: 'x' },
    ...{ PERSONA_KEYS: key, PERSONA_BLIND_KEYS: key },
  });
  expect(code).toBe(3);
  expect(err).toContain(`the Neo4j of --into, ${into}, cannot be used`);
  expect(err).toContain('PERSONA_REPLAY_PASSWORD');
  expect(err).not.toContain('NEO4J_URI');
});

test('config masks secrets, even invalid ones', async () => {
  const secret = 'a-secret-that-is-no-key';
  const { code, out } = await run(['config', '--json'], { PERSONA_KEYS: secret, NEO4J_PASSWORD: secret });
  expect(code).toBe(1);
  expect(out).not.toContain(secret);
  const { environment } = JSON.parse(out);
  expect(environment.PERSONA_KEYS).toEqual({
    value: '[not shown]',
    source: 'environment',
    problem: expect.stringContaining('must be id:base64'),
  });
  expect(environment.NEO4J_PASSWORD).toEqual({ value: '[masked]', source: 'environment' });
  expect(environment.HTTP_PORT).toEqual({ value: '8080', source: 'default' });
});

test('a single payment is retried without --all', async () => {
  const unreachable = { TEMPORAL_ADDRESS: '127.0.0.1:1' };
  expect(await run(['retry', 'p', '--reason', 'new key'], unreachable)).toMatchObject({ code: 3 });
});
