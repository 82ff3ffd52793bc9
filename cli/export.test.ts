import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { runCli } from './program.ts';

const CUSTOMER = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';

/** Runs `persona export` against a server that responds so. */
async function exportFrom(respond: (response: ServerResponse) => void) {
  const server = createServer((_, response) => respond(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const folder = mkdtempSync(join(tmpdir(), 'persona-export-'));
  onTestFinished(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'export.json');
  const err: string[] = [];
  const { port } = server.address() as AddressInfo;
  const code = await runCli(['export', CUSTOMER, '--output', file], {
    env: { PERSONA_RUN_FILE: '/does/not/exist/run.json', HTTP_PORT: String(port) },
    stdin: Readable.from([]),
    out: () => {},
    err: (line) => err.push(line),
  });
  return { code, file, saved: readdirSync(folder), err: err.join('\n') };
}

test('the document is saved for its owner alone', async () => {
  const { code, file, saved } = await exportFrom((response) => response.end('{"events": []}'));
  expect([code, saved]).toEqual([0, ['export.json']]);
  expect(readFileSync(file, 'utf8')).toBe('{"events": []}');
  expect((statSync(file).mode & 0o777).toString(8)).toBe('600');
});

test('nothing is left of a document that ends early', async () => {
  const cut = await exportFrom((response) => {
    response.write('{"events": [');
    response.flushHeaders();
    setImmediate(() => response.destroy());
  });
  expect([cut.code, cut.saved]).toEqual([1, []]);
  expect(cut.err).toContain('the export ended early');
});

test('a refusal is shown as it is', async () => {
  const body = {
    type: 'urn:persona:error:customer_not_found',
    title: 'x',
    status: 404,
    detail: 'there is no customer',
  };
  const { code, saved, err } = await exportFrom((response) =>
    response.writeHead(404).end(JSON.stringify(body)),
  );
  expect([code, saved]).toEqual([1, []]);
  expect(err).toContain('there is no customer');
});
