/** Kafka behind a TCP proxy, which stops a client's connection at an exact request. */

import { Connection } from '@platformatic/kafka';
import { onTestFinished, vi } from 'vitest';
import { startTcpProxy, type TcpProxy } from './proxy.ts';

/** How a request begins: Kafka's number for it, and the newest version that the client library knows. */
const request = (number: number, version: number) => Buffer.from([0, number, 0, version]);
export const END_TRANSACTION = request(26, 4);
export const OFFSET_COMMIT = request(8, 9);

/** Ends with the test. */
export async function startKafkaProxy(brokers: readonly string[]): Promise<TcpProxy> {
  const proxy = await startTcpProxy(brokers[0] ?? '');
  onTestFinished(() => proxy.close());
  return proxy;
}

/** What connects to Kafka while `work` runs does so through the proxy. Kafka names its own address to clients, so none would later. */
export async function connectThrough<T>({ address }: TcpProxy, work: () => Promise<T>): Promise<T> {
  const [host = '', port = ''] = address.split(':');
  const { connect } = Connection.prototype;
  const redirected = vi.spyOn(Connection.prototype, 'connect');
  redirected.mockImplementation(function (this: Connection, _host, _port, callback) {
    return connect.call(this, host, Number(port), callback);
  });
  try {
    return await work();
  } finally {
    redirected.mockRestore();
  }
}
