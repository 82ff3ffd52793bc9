import { kafkaOptions, verifyKafka } from '../../adapters/kafka/connection.ts';
import { type ExistingTopic, readTopics } from '../../adapters/kafka/topics.ts';
import { openSchemaRegistry } from '../../adapters/schema-registry/client.ts';
import { MAX_COPY_DAYS, settingsThatKeep } from '../../domain/erasure/copies.ts';
import { DEAD_LETTER_SETTINGS, DEAD_LETTERS, InboundTopic } from '../../domain/inbound/topics.ts';
import {
  PARTITIONS,
  settingsProblems,
  Topic,
  TOPIC_SETTINGS,
  type TopicSettings,
} from '../../domain/outbox/topics.ts';
import { subjectOf } from '../../events/encode.ts';
import { readSchemas } from '../../events/schemas.ts';
import type { Graph } from '../../graph/index.ts';
import { getOutboxLag, type OutboxLag } from '../../graph/outbox/index.ts';
import { readKafkaEnvironment } from '../../platform/environment.ts';
import { readPolicy } from '../../platform/policy.ts';
import { withDeadLetters } from '../dead-letters.ts';
import type { Settings, Variables } from '../settings.ts';
import { type CheckResult, ok, runCheck, wrong } from './check.ts';

/** Without Kafka there is nothing to check. */
export async function checkKafka(
  settings: Settings,
): Promise<Partial<Record<'kafka' | 'topics' | 'dead_letters' | 'schema_registry', CheckResult>>> {
  const { variables } = settings;
  if (variables.KAFKA_BROKERS === undefined) return {};
  const kafka = await runCheck(async () => {
    const environment = readKafkaEnvironment(variables);
    if (environment === undefined) return wrong('KAFKA_BROKERS is not set', 'Set it to host:port,…');
    await verifyKafka(kafkaOptions(environment));
    return ok(`reachable at ${environment.brokers.join(',')}`);
  }, 'Events wait in the graph until it is back');
  const registry = variables.SCHEMA_REGISTRY_URL !== undefined && {
    schema_registry: await runCheck(() => schemaRegistryResult(variables)),
  };
  if (kafka.state !== 'ok') return { kafka, ...registry };
  const [topics, dead_letters] = await Promise.all([
    runCheck(() => topicsResult(variables), 'It needs the permission DescribeConfigs'),
    runCheck(() => deadLettersResult(settings)),
  ]);
  return { kafka, topics, ...registry, dead_letters };
}

const OWN: ReadonlyMap<string, TopicSettings> = new Map([
  ...Object.entries(TOPIC_SETTINGS),
  [DEAD_LETTERS, DEAD_LETTER_SETTINGS],
]);
const READ_OR_WRITTEN: ReadonlySet<string> = new Set([...OWN.keys(), ...Object.values(InboundTopic)]);

/** Those that exist: Persona changes none of them. */
async function topicsResult(variables: Variables): Promise<CheckResult> {
  const environment = readKafkaEnvironment(variables);
  if (environment === undefined) return wrong('KAFKA_BROKERS is not set', 'Set it to host:port,…');
  const topics = await readTopics(kafkaOptions(environment), READ_OR_WRITTEN);
  const problems = [...topics].flatMap(([topic, existing]) =>
    topicProblems(topic, existing).map((problem) => `${topic}: ${problem}`),
  );
  return problems.length === 0
    ? ok(`${topics.size} topics keep what they have to, and personal data for at most ${MAX_COPY_DAYS} days`)
    : wrong(problems.join('\n'), "See docs/runbook.md, 'Topics with other settings'");
}

function topicProblems(topic: string, { partitions, settings }: ExistingTopic): string[] {
  const expected = OWN.get(topic);
  const problems = expected === undefined ? [] : settingsProblems(expected, settings);
  if (expected !== undefined && partitions !== PARTITIONS)
    problems.unshift(`${partitions} partitions instead of ${PARTITIONS}`);
  // What is personal in the log is sealed, and the key destroyed. Elsewhere nothing but its age deletes it after an erasure.
  const tooLong = topic === Topic.log ? [] : settingsThatKeep(settings);
  const named = (name: string) => problems.some((problem) => problem.startsWith(`${name} is`));
  return [
    ...problems,
    ...tooLong
      .filter((name) => !named(name))
      .map((name) => `${name} is ${settings[name] ?? 'not set'}: more than ${MAX_COPY_DAYS} days`),
  ];
}

/** Whether the relay can write, without registering anything. */
async function schemaRegistryResult(variables: Variables): Promise<CheckResult> {
  const { schemaRegistry } = readKafkaEnvironment(variables) ?? {};
  if (schemaRegistry === undefined) return wrong('SCHEMA_REGISTRY_URL is not set', 'Set it');
  const registry = openSchemaRegistry(schemaRegistry);
  const checks = [...readSchemas()].map(async ([topic, schema]) => {
    const subject = subjectOf(topic);
    return { subject, result: await registry.check(subject, schema) };
  });
  const results = await Promise.all(checks);
  const refusals = results.flatMap(({ subject, result }) =>
    typeof result === 'object' ? [`${subject}: ${result.refusal}`] : [],
  );
  if (refusals.length > 0)
    return wrong(
      ['refuses schemas, without which nothing is published', ...refusals].join('\n'),
      "See docs/runbook.md, 'Events are not published'",
    );
  const registered = results.filter(({ result }) => result === 'registered').length;
  return ok(`${registered} of ${results.length} schemas are registered; it accepts the others`);
}

/** Each may be a failed payment that is not being recovered. */
async function deadLettersResult(settings: Settings): Promise<CheckResult> {
  const count = (await withDeadLetters(settings, (store) => store.list())).length;
  return count === 0
    ? ok('every record of other agents was processed')
    : wrong(`${count} records of other agents were not processed`, 'List them: persona dlq list');
}

/** How far publishing is behind; nothing where events are not published. */
export async function checkOutbox(graph: Graph, { variables }: Settings): Promise<{ outbox?: CheckResult }> {
  const hasKafka = variables.KAFKA_BROKERS !== undefined;
  const lag = await getOutboxLag(graph);
  if (lag === undefined) {
    const remedy = 'Start a worker with KAFKA_BROKERS, which publishes the log from its beginning';
    return hasKafka ? { outbox: wrong('nothing was ever published', remedy) } : {};
  }
  return { outbox: await runCheck(() => lagResult(lag, variables)) };
}

/** An event is published within seconds; the first publishing of a large log takes longer. */
async function lagResult(
  { events, seconds }: OutboxLag,
  { PERSONA_POLICY_FILE }: Variables,
): Promise<CheckResult> {
  const { maxLag } = readPolicy(PERSONA_POLICY_FILE).projections;
  const behind = `${events} events are yet to be published, for ${Math.round(seconds)} s at most`;
  return seconds * 1_000 <= maxLag.kafka
    ? ok(behind)
    : wrong(behind, "See docs/runbook.md, 'Events are not published'");
}
