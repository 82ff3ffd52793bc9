/** Deploying a build that cannot replay the histories of the previous one, and recovering by a rollback. */

import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import { beginRetention } from '../domain/retention.ts';
import { type SendNoticeInput, TaskQueue, VERSIONED_DEPLOYMENT } from '../domain/workflow-contracts.ts';
import { eventually } from '../test/rig/index.ts';
import { openNamespace, type RigServer } from '../test/rig/server.ts';
import { type BundleFile, workflowBundle } from './bundle.ts';
import { createQueueWorker, runWorkers } from './worker.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const codecKeys = [{ id: 'k', key: Buffer.alloc(32, 1) }];
const LIMIT_MS = 60_000;
const { WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR: NON_DETERMINISTIC } =
  proto.temporal.api.enums.v1.WorkflowTaskFailedCause;
const { ROUTING_CONFIG_UPDATE_STATE_IN_PROGRESS: IN_PROGRESS } =
  proto.temporal.api.enums.v1.RoutingConfigUpdateState;

let server: RigServer;
let good: BundleFile;
let bad: BundleFile;
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  server = await openNamespace({ codecKeys, interceptor: {} });
  good = await workflowBundle();
  bad = await incompatible();
}, 120_000);
afterAll(() => server.close());

/** The same workflows, two of which start a timer that runs in progress do not have in their history. */
async function incompatible(): Promise<BundleFile> {
  const root = await mkdtemp(path.join(tmpdir(), 'incompatible-'));
  for (const folder of ['workflows', 'domain'])
    await cp(path.join(ROOT, folder), path.join(root, folder), { recursive: true });
  await cp(path.join(ROOT, 'package.json'), path.join(root, 'package.json'));
  await symlink(path.join(ROOT, 'node_modules'), path.join(root, 'node_modules'));
  for (const [name, first] of [
    ['send-notice', '  if (given_up !== undefined)'],
    ['apply-retention', '  let progress = from;'],
  ]) {
    const file = path.join(root, 'workflows', `${name}.ts`);
    const text = await readFile(file, 'utf8');
    const changed = text.replace(`${first}`, `  await sleep(1);\n${first}`);
    await writeFile(file, changed.replace('{ ', '{ sleep, '));
  }
  const bundle = await workflowBundle({ root });
  const codePath = path.join(tmpdir(), `incompatible-${randomUUID()}.js`);
  await cp(bundle.codePath, codePath);
  await rm(root, { recursive: true });
  return { ...bundle, codePath };
}

/** Activities that fail as unavailable until `away` is cleared. */
function activityStub() {
  const activityStub = {
    away: true,
    activities: {
      async deliverNotice() {
        return answerOf({ result: 'delivered' });
      },
      async removeExpired() {
        return answerOf({ ...beginRetention(0), step: null });
      },
    },
  };
  function answerOf<T>(answer: T): T {
    if (activityStub.away)
      throw new PersonaError('notifier_unavailable', 'unavailable', { retryAfterMs: 200 });
    return answer;
  }
  return activityStub;
}

async function startBuild(bundle: BundleFile, activities: object, versioned: boolean) {
  const { connection, namespace } = server;
  const workers = await Promise.all(
    [TaskQueue.recovery, TaskQueue.maintenance, TaskQueue.notices].map((queue) =>
      createQueueWorker({
        ...{ connection, namespace, queue, bundle, codecKeys, activities, versioned },
      }),
    ),
  );
  const running = runWorkers(workers);
  let stopped: Promise<void> | undefined;
  const stop = () => (stopped ??= running.stop());
  onTestFinished(() => stop());
  return stop;
}

/** As `temporal worker deployment set-current-version` does. */
async function makeCurrent({ buildId }: BundleFile): Promise<void> {
  const { client, namespace } = server;
  await eventually(
    () =>
      client.workflowService.setWorkerDeploymentCurrentVersion({
        ...{ namespace, buildId, deploymentName: VERSIONED_DEPLOYMENT },
        identity: 'test',
      }),
    LIMIT_MS,
  );
  // The server responds before all task queues route by the new version.
  await eventually(async () => {
    const { workerDeploymentInfo } = await client.workflowService.describeWorkerDeployment({
      ...{ namespace, deploymentName: VERSIONED_DEPLOYMENT },
    });
    expect(workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId).toBe(buildId);
    expect(workerDeploymentInfo?.routingConfigUpdateState).not.toBe(IN_PROGRESS);
  }, LIMIT_MS);
}

const startNotice = (client: Client) =>
  client.workflow.start('sendNotice', {
    workflowId: `notice-${randomUUID()}`,
    taskQueue: TaskQueue.recovery,
    args: [
      {
        ...{ notification_id: randomUUID(), customer_id: randomUUID(), payment_id: 'invoice-1' },
        template: 'recovered',
      } satisfies SendNoticeInput,
    ],
  });
const startRetention = (client: Client) =>
  client.workflow.start('applyRetention', {
    workflowId: `retention-${randomUUID()}`,
    taskQueue: TaskQueue.maintenance,
  });
type Run = Awaited<ReturnType<typeof startNotice>>;

async function isUnderWay(run: Pick<Run, 'fetchHistory'>): Promise<void> {
  await eventually(async () => {
    const { events } = await run.fetchHistory();
    expect(events?.some((event) => event.activityTaskScheduledEventAttributes)).toBe(true);
  }, LIMIT_MS);
}

/** Its workflow tasks fail, which raises an alert but does not end the run. */
async function isStuck(run: Pick<Run, 'fetchHistory' | 'describe'>): Promise<void> {
  await eventually(async () => {
    const { events } = await run.fetchHistory();
    const failed = events?.flatMap((event) => event.workflowTaskFailedEventAttributes ?? []);
    expect(failed?.map(({ cause }) => cause)).toContain(NON_DETERMINISTIC);
  }, LIMIT_MS);
  expect((await run.describe()).status.name).toBe('RUNNING');
}

test('without versioning, a run in progress gets stuck on an incompatible build and continues after a rollback', async () => {
  const stub = activityStub();
  const stopGood = await startBuild(good, stub.activities, false);
  const notice = await startNotice(server.client);
  await isUnderWay(notice);
  await stopGood();

  stub.away = false;
  const stopBad = await startBuild(bad, stub.activities, false);
  await isStuck(notice);
  await stopBad();

  await startBuild(good, stub.activities, false);
  expect(await notice.result()).toEqual({ result: 'delivered' });
}, 180_000);

test('with versioning, a short process stays on its build, and a long one continues after the old build is current again', async () => {
  const stub = activityStub();
  await startBuild(good, stub.activities, true);
  await makeCurrent(good);
  const [notice, retention] = await Promise.all([startNotice(server.client), startRetention(server.client)]);
  await Promise.all([isUnderWay(notice), isUnderWay(retention)]);

  await startBuild(bad, stub.activities, true);
  await makeCurrent(bad);
  stub.away = false;
  expect(await retention.result()).toEqual(beginRetention(0).counts);
  await isStuck(notice);
  await makeCurrent(good);
  expect(await notice.result()).toEqual({ result: 'delivered' });
}, 180_000);
