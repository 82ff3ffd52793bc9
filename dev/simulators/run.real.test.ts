import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';

test.each([
  ['gateway', ['url']],
  ['inbox', ['url', 'webhook', 'smtp']],
  ['chimera', ['control', 'grpc']],
])(
  'the %s simulator prints its addresses in its first line, and ends cleanly on SIGTERM',
  async (name, addresses) => {
    const child = spawn(process.execPath, [`${import.meta.dirname}/${name}/main.ts`], {
      env: { ...process.env, SIM_PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const { ready } = JSON.parse(line) as { ready: Record<string, string> };
    expect(Object.keys(ready)).toEqual(addresses);
    for (const address of Object.values(ready)) expect(address).toMatch(/127\.0\.0\.1:\d+/);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  },
);
