/** `npm run demo`: brings everything up, plays the stories from outside, tells them, and checks each outcome. */

import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../command.ts';
import { type PersonaSystem, startPersona } from '../persona.ts';
import { connectAgents } from './agents.ts';
import { killDuringCharge } from './crash.ts';
import { openEvidence } from './evidence.ts';
import { playExpiry } from './expiry.ts';
import { playFraud } from './fraud.ts';
import { type Crash, play } from './play.ts';
import { readStories } from './stories.ts';
import { failures, tell, type Told } from './tell.ts';

const SAVED = fileURLToPath(new URL('../../.persona/demo/', import.meta.url));
const began = Date.now();

await runCommand(async ({ guard, log }) => {
  const system = await startPersona({ codec: true, guard, log });
  const stories = await playAll(system, log);
  const wrong = stories.flatMap((played) => failures(played));
  log(
    wrong.length === 0
      ? 'Every outcome is as it must be: in the graph, the ledger and the inbox.'
      : wrong.join('\n'),
  );
  await linger(log);
  return wrong.length === 0 ? 0 : 1;
});

async function playAll(system: PersonaSystem, log: (line: string) => void): Promise<Told[]> {
  const { addresses } = system;
  const agents = await connectAgents(addresses);
  const evidence = openEvidence(addresses);
  const run = randomBytes(3).toString('hex');
  const crash: Crash = async (program, token) => {
    const lines = await killDuringCharge(system, program, token);
    log(
      `\n(the ${program} was killed during a charge: what became of it is asked when the charge's 45 s are over…)`,
    );
    return lines;
  };
  const all: Told[] = [];
  const show = async (played: Told) => {
    all.push(played);
    const told = tell(played, addresses);
    log(told);
    save(`${played.story.id}.txt`, told);
    const history = await agents.fetchHistory(played.workflowId);
    save(`${played.story.id}.history.json`, JSON.stringify(history, undefined, 2));
  };
  try {
    for (const story of readStories()) {
      await show(await play(story, run, { agents, evidence, crash }));
      if (story.id === 'declined') {
        log(
          `(the first recovered payment, ${((Date.now() - began) / 1000).toFixed(1)} s after the demo's start)\n`,
        );
      }
    }
    await show(await playExpiry(run, { agents, evidence }));
    await show(await playFraud(run, { agents, evidence }));
  } finally {
    await Promise.all([agents.close(), evidence.close()]);
  }
  return all;
}

function save(name: string, content: string): void {
  mkdirSync(SAVED, { recursive: true });
  writeFileSync(join(SAVED, name), content);
}

/** On a terminal the links stay alive until Enter; with `--keep` until Ctrl-C; otherwise what was saved must do. */
async function linger(log: (line: string) => void): Promise<void> {
  log(`Stories and histories are saved in ${SAVED}`);
  if (process.argv.includes('--keep')) {
    log('Everything keeps running: open the links. Ctrl-C stops it.');
    await new Promise(() => {});
  }
  if (!process.stdin.isTTY || !process.stdout.isTTY) return;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  await terminal.question('Open the links while everything still runs; Enter stops it. ');
  terminal.close();
}
