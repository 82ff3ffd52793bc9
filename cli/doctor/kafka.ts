import { kafkaOptions, verifyKafka } from '../../adapters/kafka/connection.ts';
import { findTopicProblems } from '../../adapters/kafka/topics.ts';
import { openSchemaRegistry } from '../../adapters/schema-registry/client.ts';
import { DEAD_LETTER_SETTINGS, DEAD_LETTERS } from '../../domain/inbound/topics.ts';
import { TOPIC_SETTINGS } from '../../domain/outbox/topics.ts';
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
    runCheck(() => topicsResult(variables)),
    runCheck(() => deadLettersResult(settings)),
  ]);
  return { kafka, topics, ...registry, dead_letters };
}

/** Those that exist: Persona changes none of them. */
async function topicsResult(variables: Variables): Promise<CheckResult> {
  const environment = readKafkaEnvironment(variables);
  if (environment === undefined) return wrong('KAFKA_BROKERS is not set', 'Set it to host:port,…');
  const expected = new Map([...Object.entries(TOPIC_SETTINGS), [DEAD_LETTERS, DEAD_LETTER_SETTINGS]]);
  const problems = await findTopicProblems(kafkaOptions(environment), expected);
  return problems.length === 0
    ? ok('every topic of Persona’s is kept as it has to be')
    : wrong(problems.join('\n'), "See docs/runbook.md, 'Topics with other settings'");
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
