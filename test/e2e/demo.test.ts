/**
 * The demo's stories on all of Persona, with and without Kafka. Not played here are those that wait for a charge's time limit,
 * and those that run over every customer, which needs a graph without those of other tests.
 */

import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Agents, connectAgents } from '../../dev/demo/agents.ts';
import { playCatalogue } from '../../dev/demo/catalogue.ts';
import { formatFailures, type StoryResult } from '../../dev/demo/format-story.ts';
import { playFraud } from '../../dev/demo/fraud.ts';
import { playOracle } from '../../dev/demo/play-oracle.ts';
import { playStory } from '../../dev/demo/play.ts';
import { reportDirectly, type Reports, reportThroughKafka } from '../../dev/demo/reports.ts';
import { openStateInspector, type StateInspector } from '../../dev/demo/state-inspector.ts';
import { readStories } from '../../dev/demo/stories.ts';
import { type PersonaSystem, startPersona } from '../../dev/persona.ts';
import { type Guard, startGuard } from '../../dev/stack/guard.ts';

let guard: Guard;
let persona: PersonaSystem;
let agents: Agents;
let inspector: StateInspector;
let throughKafka: Reports;
let otherStreams: Set<string>;

beforeAll(async () => {
  guard = startGuard();
  const folder = mkdtempSync(join(tmpdir(), 'persona-demo-'));
  guard.removeAtEnd(folder);
  // A Kafka of its own: the log's topic has to begin with this system.
  const env = { ...process.env, KAFKA_BROKERS: undefined };
  persona = await startPersona({ guard, log: () => {}, kafka: true, runFile: join(folder, 'run.json'), env });
  agents = await connectAgents(persona.addresses);
  inspector = openStateInspector(persona.addresses);
  throughKafka = await reportThroughKafka(broker());
  otherStreams = new Set((await inspector.events()).map(({ stream_id }) => stream_id));
});
afterAll(async () => {
  await Promise.all([agents?.close(), throughKafka?.close(), inspector?.close()]);
  await guard.stop();
});
beforeEach(({ onTestFailed }) => onTestFailed(() => console.log(persona.logTails())));

const broker = () => persona.addresses.kafka ?? expect.fail('Kafka was not started');
const newRun = () => randomBytes(3).toString('hex');
const failuresOf = ({ story, checks }: StoryResult) => formatFailures(story.id, checks);
const play = (id: string, reports: Reports) => {
  const story = readStories().find((one) => one.id === id) ?? expect.fail(`there is no story ${id}`);
  const crash = () => expect.fail('this story kills no program');
  return playStory(story, newRun(), { agents, reports, inspector, crash });
};

test.each(['declined', 'stolen', 'added'])(
  'the story %s, reported through Kafka, ends as expected',
  async (id) => {
    const played = await play(id, throughKafka);
    expect(failuresOf(played)).toEqual([]);
    expect(played.lines.join('\n')).toContain('Synapse reports through Kafka');
  },
);

test('confirmed fraud, reported through Kafka, ends as expected', async () => {
  const played = await playFraud(newRun(), { agents, reports: throughKafka, inspector });
  expect(failuresOf(played)).toEqual([]);
  expect(played.lines.join('\n')).toContain('Chimera reports confirmed fraud through Kafka');
});

test('without Kafka Synapse signals and Chimera calls the API', async () => {
  const reports = reportDirectly(agents);
  const played = await play('stolen', reports);
  expect(failuresOf(played)).toEqual([]);
  expect(played.lines.join('\n')).toContain('Synapse reports by a signal');
  expect(failuresOf(await playFraud(newRun(), { agents, reports, inspector }))).toEqual([]);
});

test('the personas are imported, changed, rolled back, and one is asked', async () => {
  const { lines, checks } = await playCatalogue(persona);
  expect(formatFailures('catalogue', checks)).toEqual([]);
  expect(lines[0]).toMatch(/35 added, 0 changed|0 added/);
  expect(lines.at(-1)).toContain('What decides?');
});

test('Oracle has received every event of all that, in order, once', async () => {
  const { lines, checks } = await playOracle(broker(), otherStreams, inspector);
  expect(formatFailures('oracle', checks)).toEqual([]);
  expect(lines[0]).toMatch(/CustomerStatusChanged 4/);
});
