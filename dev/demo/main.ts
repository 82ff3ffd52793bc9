/** `npm run demo`: starts the system, plays the stories from outside, prints them, and checks each outcome. */

import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { openSchemaRegistry } from '../../adapters/schema-registry/client.ts';
import type { SchemaRegistry } from '../../domain/schema-registry.ts';
import { readKafkaEnvironment } from '../../platform/environment.ts';
import { runDevCommand } from '../run-dev-command.ts';
import { StackError } from '../stack/errors.ts';
import { type PersonaSystem, startPersona } from '../persona.ts';
import { connectAgents } from './agents.ts';
import { playCatalogue } from './catalogue.ts';
import { killDuringCharge } from './crash.ts';
import { openStateInspector } from './state-inspector.ts';
import { playExpiry } from './expiry.ts';
import { playFraud } from './fraud.ts';
import { type CrashProgram, playStory } from './play.ts';
import { readStories } from './stories.ts';
import { formatFailures, formatPart, formatStory, type StoryResult } from './format-story.ts';
import { playOracle } from './play-oracle.ts';
import { playRights } from './rights.ts';
import { reportDirectly, reportThroughKafka } from './reports.ts';

const OUTPUT_FOLDER = fileURLToPath(new URL('../../.persona/demo/', import.meta.url));
const startedAt = Date.now();

await runDevCommand(async ({ guard, log }) => {
  const registry = await openConfiguredRegistry();
  const system = await startPersona({ kafka: true, codec: true, apis: 2, guard, log });
  const failedChecks = await playAll(system, registry, log);
  const sources = ['the graph', 'the ledger', 'the inbox', ...(system.addresses.kafka ? ['Kafka'] : [])];
  log(
    failedChecks.length === 0
      ? `Every outcome is as expected in ${new Intl.ListFormat('en-GB').format(sources)}.`
      : failedChecks.join('\n'),
  );
  await waitBeforeExit(log);
  return failedChecks.length === 0 ? 0 : 1;
});

/**
 * `SCHEMA_REGISTRY_URL`, with which Persona then publishes.
 * @throws StackError if it is not available: nothing would be published
 */
async function openConfiguredRegistry(): Promise<SchemaRegistry | undefined> {
  // Its address is read only together with Kafka's, which is started later.
  const { schemaRegistry } = readKafkaEnvironment({ KAFKA_BROKERS: 'none:1', ...process.env }) ?? {};
  const registry = schemaRegistry && openSchemaRegistry(schemaRegistry);
  await registry?.verify().catch((error: Error) => {
    throw new StackError(`${error.message} Unset it to play without a registry.`);
  });
  return registry;
}

/** @returns the failed checks, one line each */
async function playAll(
  system: PersonaSystem,
  registry: SchemaRegistry | undefined,
  log: (line: string) => void,
): Promise<string[]> {
  const { addresses } = system;
  const { kafka } = addresses;
  const agents = await connectAgents(addresses);
  const inspector = openStateInspector(addresses);
  const reports = kafka ? await reportThroughKafka(kafka) : reportDirectly(agents);
  if (!kafka)
    log('(without Kafka: Synapse reports by signals, Chimera over REST, and Oracle receives nothing)');
  const otherStreams = new Set((await inspector.events()).map(({ stream_id }) => stream_id));
  const run = randomBytes(3).toString('hex');
  const crash: CrashProgram = async (program, token) => {
    const lines = await killDuringCharge(system, program, token);
    log(`\n(the ${program} was killed during a charge, which is resolved after its timeout of 45 s…)`);
    return lines;
  };
  const failedChecks: string[] = [];
  const publish = async (played: StoryResult) => {
    failedChecks.push(...formatFailures(played.story.id, played.checks));
    const text = formatStory(played, addresses);
    log(text);
    save(`${played.story.id}.txt`, text);
    const history = await agents.fetchHistory(played.workflowId);
    save(`${played.story.id}.history.json`, JSON.stringify(history, undefined, 2));
  };
  const publishPart = (id: string, title: string, part: Pick<StoryResult, 'lines' | 'checks'>) => {
    failedChecks.push(...formatFailures(id, part.checks));
    const text = formatPart(title, part);
    log(text);
    save(`${id}.txt`, text);
  };
  try {
    for (const story of readStories()) {
      await publish(await playStory(story, run, { agents, reports, inspector, crash }));
      if (story.id === 'declined') {
        log(
          `(the first recovered payment, ${((Date.now() - startedAt) / 1000).toFixed(1)} s after the demo's start)\n`,
        );
      }
    }
    await publish(await playExpiry(run, { agents, inspector }));
    await publish(await playFraud(run, { agents, reports, inspector }));
    publishPart('catalogue', 'Operators keep the personas of all agents', await playCatalogue(system));
    if (kafka) {
      const archive = await playOracle(kafka, otherStreams, inspector, registry);
      publishPart('oracle', 'Oracle reads every event from Kafka', archive);
    }
    // After Oracle, who keeps what the graph then forgets.
    await publish(await playRights(run, { agents, reports, inspector }, system));
  } finally {
    await Promise.all([agents.close(), reports.close(), inspector.close()]);
  }
  return failedChecks;
}

function save(name: string, content: string): void {
  mkdirSync(OUTPUT_FOLDER, { recursive: true });
  writeFileSync(join(OUTPUT_FOLDER, name), content);
}

/** Keeps the system running: on a terminal until Enter, with `--keep` until Ctrl-C, otherwise not at all. */
async function waitBeforeExit(log: (line: string) => void): Promise<void> {
  log(`Stories and histories are saved in ${OUTPUT_FOLDER}`);
  if (process.argv.includes('--keep')) {
    log('The system keeps running, so that you can open the links. Press Ctrl-C to stop it.');
    await new Promise(() => {});
  }
  if (!process.stdin.isTTY || !process.stdout.isTTY) return;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  await terminal.question(
    'The system is still running, so that you can open the links. Press Enter to stop it. ',
  );
  terminal.close();
}
