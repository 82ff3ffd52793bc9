import { addPartitionsToTxnV3, type API, type Callback, kGetApi, Producer } from '@platformatic/kafka';

const { api: ofClients } = addPartitionsToTxnV3;

/**
 * A producer whose user needs no more rights than to write. The client library (2.12.1) takes the newest version of each
 * request, but newer ones of AddPartitionsToTxn are the brokers' own: Kafka demands the right ClusterAction for them.
 */
export class TransactionalProducer extends Producer<Buffer, Buffer, Buffer, Buffer> {
  override [kGetApi]<Arguments extends unknown[], Response>(
    name: string,
    callback: Callback<API<Arguments, Response>>,
  ): void {
    super[kGetApi]<Arguments, Response>(name, (error, api) => {
      const isOfBrokers = api?.key === ofClients.key && api.version > ofClients.version;
      callback(error, isOfBrokers ? (ofClients as unknown as typeof api) : api);
    });
  }
}
