import type { Client } from '@temporalio/client';
import { MAX_COPY_DAYS } from '../../domain/erasure/copies.ts';
import { TaskQueue } from '../../domain/workflow-contracts.ts';
import { readCodecKeys, readTemporalEnvironment } from '../../platform/environment.ts';
import { connectTemporal } from '../../temporal/client.ts';
import { missingSearchAttributes } from '../../temporal/search-attributes.ts';
import type { Settings } from '../settings.ts';
import { runCheck, type CheckResult, ok, wrong } from './check.ts';

const DAY_SECONDS = 86_400;

/** Checks Temporal, its search attributes and retention, the keys of its payloads, and whether workers poll every queue. */
export async function checkTemporal({ variables }: Settings): Promise<Record<string, CheckResult>> {
  const codec_keys = await runCheck(async () => {
    const [first, ...older] = readCodecKeys(variables).reveal();
    return ok(`'${first?.id}' encrypts; ${older.length} older keys decrypt`);
  });
  let client: Client | undefined;
  const temporal = await runCheck(async () => {
    const settings = readTemporalEnvironment(variables);
    client = await connectTemporal({ ...settings, apiKey: settings.apiKey?.reveal(), codecKeys: 'none' });
    const by = settings.tls || settings.apiKey ? 'with TLS' : 'without TLS';
    return ok(`reachable at ${settings.address} ${by}, namespace '${settings.namespace}'`);
  });
  if (client === undefined) return { temporal, codec_keys };
  const connected = client;
  try {
    const [search_attributes, retention, workers] = await Promise.all([
      runCheck(() => checkSearchAttributes(connected)),
      runCheck(() => checkRetention(connected)),
      runCheck(() => checkWorkers(connected, variables.KAFKA_BROKERS !== undefined)),
    ]);
    return { temporal, search_attributes, retention, codec_keys, workers };
  } finally {
    await connected.connection.close();
  }
}

async function checkSearchAttributes(client: Client): Promise<CheckResult> {
  const missing = await missingSearchAttributes(client);
  const { namespace } = client.options;
  const flags = missing.map((name) => `--name ${name} --type Keyword`).join(' ');
  return missing.length === 0
    ? ok('all registered')
    : wrong(
        `not registered as Keyword: ${missing.join(', ')}`,
        `temporal operator search-attribute create --namespace ${namespace} ${flags}`,
      );
}

/** Histories hold personal data, encrypted: they must not outlive an erasure for long (docs/connecting.md). */
async function checkRetention(client: Client): Promise<CheckResult> {
  const { namespace } = client.options;
  const { config } = await client.workflowService.describeNamespace({ namespace });
  const days = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / DAY_SECONDS;
  const detail = `histories are kept for ${Math.round(days * 10) / 10} days after the end of a workflow`;
  return days <= MAX_COPY_DAYS
    ? ok(detail)
    : wrong(
        `${detail}, more than ${MAX_COPY_DAYS}`,
        `temporal operator namespace update --namespace ${namespace} --retention ${MAX_COPY_DAYS}d`,
      );
}

/** @param hasKafka otherwise no worker polls the relay's queue */
async function checkWorkers(client: Client, hasKafka: boolean): Promise<CheckResult> {
  const queues = Object.values(TaskQueue).filter((queue) => hasKafka || queue !== TaskQueue.relay);
  const polled = await Promise.all(queues.map((queue) => hasPollers(client, queue)));
  const idle = queues.filter((_, index) => !polled[index]);
  return idle.length === 0
    ? ok(`poll ${queues.join(', ')}`)
    : wrong(`no worker polls ${idle.join(', ')}`, `npm run worker -- --queues ${idle.join(',')}`);
}

const ACTIVITY_QUEUE = 2;

/** Whether a worker polled in the last minutes. Checks activities: every queue has them, some have no workflows. */
async function hasPollers(client: Client, queue: string): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: queue },
    taskQueueType: ACTIVITY_QUEUE,
  });
  return (pollers ?? []).length > 0;
}
