/**
 * The demo's stories on all of Persona, with and without Kafka. Not played here are those that wait for a charge's time limit,
 * and those that run over every customer, which needs a graph without those of other tests.
 */

import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { InboundTopic } from '../../domain/inbound/topics.ts';
import { Topic } from '../../domain/outbox/topics.ts';
import { fetchAs } from '../../platform/run-access.ts';
import { orphansOf, type ReceivedSpan, startTraceReceiver, type TraceReceiver } from '../trace-receiver.ts';
import { type Agents, connectAgents } from '../../dev/demo/agents.ts';
import { playCatalogue } from '../../dev/demo/catalogue.ts';
import { formatFailures, type StoryResult } from '../../dev/demo/format-story.ts';
import { playFraud } from '../../dev/demo/fraud.ts';
import { playOracle } from '../../dev/demo/play-oracle.ts';
import { playStory } from '../../dev/demo/play.ts';
import { reportDirectly, type Reports, reportThroughKafka } from '../../dev/demo/reports.ts';
import { openStateInspector, type StateInspector } from '../../dev/demo/state-inspector.ts';
import { playRights } from '../../dev/demo/rights.ts';
import { readStories } from '../../dev/demo/stories.ts';
import { type PersonaSystem, startPersona } from '../../dev/persona.ts';
import { type Guard, startGuard } from '../../dev/stack/guard.ts';

let guard: Guard;
let persona: PersonaSystem;
let agents: Agents;
let inspector: StateInspector;
let throughKafka: Reports;
let otherStreams: Set<string>;
let collector: TraceReceiver;

beforeAll(async () => {
  guard = startGuard();
  const folder = mkdtempSync(join(tmpdir(), 'persona-demo-'));
  guard.removeAtEnd(folder);
  // A Kafka of its own: the log's topic has to begin with this system.
  const env = {
    ...process.env,
    KAFKA_BROKERS: undefined,
    OTEL_EXPORTER_OTLP_ENDPOINT: (collector = await startTraceReceiver()).endpoint,
  };
  persona = await startPersona({ guard, log: () => {}, kafka: true, runFile: join(folder, 'run.json'), env });
  agents = await connectAgents(persona.addresses);
  inspector = openStateInspector(persona.addresses);
  throughKafka = await reportThroughKafka(broker());
  otherStreams = new Set((await inspector.events()).map(({ stream_id }) => stream_id));
});
afterAll(async () => {
  await Promise.all([agents?.close(), throughKafka?.close(), inspector?.close()]);
  await guard.stop();
  await collector?.close();
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

test('the story stolen, reported through Kafka, ends as expected', async () => {
  const played = await play('stolen', throughKafka);
  expect(failuresOf(played)).toEqual([]);
  expect(played.lines.join('\n')).toContain('Synapse reports through Kafka');
});

/** The spans of the trace that has the workflow. */
function traceOf(workflowId: string, { spans }: TraceReceiver): ReceivedSpan[] {
  const run = spans.find(
    ({ name, attributes }) => name.startsWith('RunWorkflow:') && attributes.temporalWorkflowId === workflowId,
  );
  return spans.filter(({ traceId }) => traceId === run?.traceId);
}

test('what one record of Synapse caused is one trace, from the record to the published outcome', async () => {
  const played = await play('declined', throughKafka);
  expect(failuresOf(played)).toEqual([]);
  const trace = () => traceOf(played.workflowId, collector);
  const published = () => trace().filter(({ name }) => name === `publish ${Topic.recovery}`);
  // Opened, claimed, charged, recovered.
  await expect.poll(() => published().length).toBe(4);
  for (const name of ['POST notice', `publish ${Topic.notice}`])
    await expect.poll(() => trace().map((span) => span.name)).toContain(name);

  const [record, ...more] = orphansOf(trace());
  expect(more).toEqual([]);
  expect(record).toMatchObject({
    service: 'persona-consumer',
    name: `process ${InboundTopic.paymentFailed}`,
  });
  expect([...new Set(trace().map(({ name }) => name))]).toEqual(
    expect.arrayContaining([
      ...['graph reportPaymentFailure', 'SignalWithStartWorkflow:recoverPayment'],
      ...['RunWorkflow:recoverPayment', 'HandleSignal:paymentFailed'],
      ...['RunActivity:openRecovery', 'graph openRecovery', 'RunActivity:charge', 'POST /v1/payment_intents'],
      ...['RunActivity:recordAttempt', 'graph recordAttempt', 'RunActivity:deliverNotice', 'POST notice'],
      ...[`publish ${Topic.log}`, `publish ${Topic.notice}`],
    ]),
  );
});

test('a request that its sender traces is traced', async () => {
  const traceId = randomBytes(16).toString('hex');
  const { auth, http } = persona.addresses;
  const { headers } = await fetchAs(
    auth,
    { role: 'ops' },
    `${http}/api/v1/customers/${randomUUID()}/payment-methods`,
    {
      headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
    },
  );
  const [, , spanId] = headers.get('traceparent')?.split('-') ?? [];
  const spans = () => collector.spans.filter((span) => span.traceId === traceId);
  const route = 'GET /api/v1/customers/:customer_id/payment-methods';
  await expect.poll(() => new Set(spans().map(({ name }) => name))).toEqual(new Set(['graph read', route]));
  const request = { spanId, parentId: '00f067aa0ba902b7', service: 'persona-api', name: route };
  expect(orphansOf(spans())).toMatchObject([request]);
});

test('a collector that is away changes nothing; when it is back, it gets what happens then', async () => {
  await collector.close();
  expect(failuresOf(await play('added', throughKafka))).toEqual([]);
  collector = await startTraceReceiver(Number(new URL(collector.endpoint).port));
  const { workflowId } = await play('stolen', throughKafka);
  await expect.poll(() => traceOf(workflowId, collector).length).toBeGreaterThan(5);
});

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

test('a customer contests a device, takes her data away, and is erased', async () => {
  const played = await playRights(newRun(), { agents, reports: throughKafka, inspector }, persona);
  expect(failuresOf(played)).toEqual([]);
});
