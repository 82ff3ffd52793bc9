import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { cacheFolder, ensureCached } from './cache.ts';
import { startChild } from './child.ts';
import { StackError } from './errors.ts';
import { findJava } from './java.ts';
import { startManagedProcess } from './managed-process.ts';
import { copyJars } from './packages.ts';
import { freePort } from './ports.ts';
import { elapsedSince } from './progress.ts';
import { retryOnPortConflict, waitUntilReady } from './ready.ts';
import type { KafkaLogin, RunningServer, ServerOptions } from './server.ts';
import { runTool } from './tools.ts';
import { versions } from './versions.ts';

const NEED = { server: 'Kafka', service: 'kafka' };
const START_LIMIT_MS = 120_000;
const CONNECT_MS = 5_000;
const STARTED = 'Kafka Server started';
const HEAP = { initial: '128m', max: '320m' };
/** Any valid id: each instance formats a folder of its own. */
const CLUSTER_ID = 'cGVyc29uYS1sb2NhbC0wMQ';

/** Starts a Kafka of one node for this instance, or uses the one that `KAFKA_BROKERS` names. */
export async function startKafka(options: ServerOptions): Promise<RunningServer> {
  const brokers = options.env.KAFKA_BROKERS;
  return brokers ? useKafka(brokers) : startOwn(options);
}

/** Only connects, because the brokers may require credentials. */
async function useKafka(brokers: string): Promise<RunningServer> {
  const [first = ''] = brokers.split(',');
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(first.trim()) ?? [];
  const socket = connect({ host, port: Number(port) });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_MS) });
  } catch (error) {
    throw new StackError(`Kafka cannot be reached at KAFKA_BROKERS=${brokers}: ${(error as Error).message}`);
  } finally {
    socket.destroy();
  }
  return { env: { KAFKA_BROKERS: brokers }, urls: { kafka: first.trim() } };
}

async function startOwn(options: ServerOptions): Promise<RunningServer> {
  const { env, folder, guard, log, port: preferred, kafkaLogin: login } = options;
  const java = await findJava(versions.kafka.java, NEED, env);
  const jars = await findJars(options);
  const started = Date.now();
  log('starting Kafka…');
  return retryOnPortConflict(async (attempt) => {
    const ports = {
      broker: await freePort(preferred),
      controller: await freePort(),
      login: await freePort(),
    };
    const home = join(folder, `kafka-${attempt}`);
    const { properties, logging } = writeConfiguration(home, ports, login);
    const classPath = ['-cp', join(jars, '*')];
    const logger = `-Dlog4j2.configurationFile=${logging}`;
    const format = ['format', '--cluster-id', CLUSTER_ID, '--config', properties, '--ignore-formatted'];
    if (login)
      format.push('--add-scram', `SCRAM-SHA-512=[name=${login.username},password=${login.password}]`);
    await runTool(java, ['-Xmx128m', logger, ...classPath, 'kafka.tools.StorageTool', ...format], guard);
    const process = await startManagedProcess(async () => {
      const child = startChild({
        file: java,
        args: [
          ...[`-Xms${HEAP.initial}`, `-Xmx${HEAP.max}`, '-XX:+UseG1GC', '-XX:+ExitOnOutOfMemoryError'],
          ...[logger, ...classPath, 'kafka.Kafka', properties],
        ],
        cwd: home,
        env,
        logFile: join(home, 'console.log'),
        stage: 'server',
        guard,
      });
      await waitUntilReady('Kafka', child, START_LIMIT_MS, async () => {
        // Until the child reports that it listens, another program that took the port may respond there.
        if (!child.output().includes(STARTED)) throw new Error('not listening yet');
      });
      return child;
    });
    const address = `127.0.0.1:${ports.broker}`;
    log(`Kafka is ready at ${address} (${elapsedSince(started)})`);
    return {
      env: { KAFKA_BROKERS: address },
      urls: { kafka: address, ...(login && { kafka_login: `localhost:${ports.login}` }) },
      process,
    };
  });
}

function findJars({ log, ...host }: ServerOptions): Promise<string> {
  const { artifacts, version } = versions.kafka;
  return ensureCached(
    cacheFolder(host.env),
    `kafka-${version}`,
    `downloading Kafka ${version} (Maven, 45 MB, once)`,
    log,
    (to) => copyJars(artifacts, version, to, { ...host, ...NEED }),
  );
}

/** One node that is broker and controller, on loopback only; all files are below `home`. */
function writeConfiguration(
  home: string,
  ports: { broker: number; controller: number; login: number },
  login: KafkaLogin | undefined,
) {
  mkdirSync(home, { recursive: true });
  const path = (name: string) => join(home, name).replaceAll('\\', '/');
  const settings: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${ports.controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${ports.broker},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${ports.broker}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'log.dirs': path('data'),
    // Topics with a wrong number of partitions must not come into being by a client that asks for them.
    'auto.create.topics.enable': 'false',
    'default.replication.factor': '1',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    // Consumers of tests and of the demo need not wait for others of their group.
    'group.initial.rebalance.delay.ms': '0',
  };
  if (login !== undefined) addLogin(settings, path('keystore.pem'), ports.login, login);
  const properties = path('server.properties');
  writeFileSync(properties, lines(settings));
  const logging = path('log4j2.properties');
  writeFileSync(
    logging,
    lines({
      'appender.console.type': 'Console',
      'appender.console.name': 'console',
      'appender.console.layout.type': 'PatternLayout',
      'appender.console.layout.pattern': '%d{ISO8601} %p %m (%c)%n',
      'rootLogger.level': 'WARN',
      'rootLogger.appenderRefs': 'console',
      'rootLogger.appenderRef.console.ref': 'console',
      'logger.server.name': 'kafka.server.KafkaRaftServer',
      'logger.server.level': 'INFO',
    }),
  );
  return { properties, logging };
}

const LISTENER = 'listener.name.login';
const SCRAM = 'org.apache.kafka.common.security.scram.ScramLoginModule';

/** Adds the listener `LOGIN`, whose user is created with the storage. It may do only what it is granted; others may do all. */
function addLogin(
  settings: Record<string, string>,
  keystore: string,
  port: number,
  { cert, key }: KafkaLogin,
) {
  writeFileSync(keystore, `${readFileSync(key, 'utf8')}\n${readFileSync(cert, 'utf8')}`, { mode: 0o600 });
  settings.listeners += `,LOGIN://127.0.0.1:${port}`;
  settings['advertised.listeners'] += `,LOGIN://localhost:${port}`;
  settings['listener.security.protocol.map'] += ',LOGIN:SASL_SSL';
  settings[`${LISTENER}.ssl.keystore.type`] = 'PEM';
  settings[`${LISTENER}.ssl.keystore.location`] = keystore;
  settings[`${LISTENER}.sasl.enabled.mechanisms`] = 'SCRAM-SHA-512';
  settings[`${LISTENER}.scram-sha-512.sasl.jaas.config`] = `${SCRAM} required;`;
  settings['authorizer.class.name'] = 'org.apache.kafka.metadata.authorizer.StandardAuthorizer';
  settings['super.users'] = 'User:ANONYMOUS';
}

const lines = (settings: Record<string, string>) =>
  Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
