/** One page of a rebuild of the contexts' topic. */

import { type Publisher, RecordsRefused } from '../domain/outbox/publisher.ts';
import { contextRecordOf } from '../domain/outbox/records.ts';
import { Topic } from '../domain/outbox/topics.ts';
import { getContextsWithoutDevices } from '../graph/index.ts';
import {
  type ContextRebuild,
  finishContextRebuild,
  readCustomersAfter,
  storeContextRebuild,
} from '../graph/outbox/index.ts';
import type { PageDependencies } from './relay-page.ts';

/** Contexts per transaction of Kafka: events wait for it. */
const PAGE = 200;

type OnRefused = (customerId: string, error: unknown) => void;

/**
 * Publishes the newest contexts of a rebuild's next customers. Call it between pages of events, with their publisher and
 * before the next page is prepared: contexts are then written in the order in which they were read, so none overwrites a
 * newer one.
 * @param onRefused called with each customer whose context cannot be published
 * @throws PersonaError kafka_unavailable, graph_unavailable
 */
export async function publishContexts(
  dependencies: PageDependencies,
  publisher: Publisher,
  rebuild: ContextRebuild,
  onRefused: OnRefused,
): Promise<void> {
  const { graph } = dependencies;
  const ids = await readCustomersAfter(graph, rebuild.after, PAGE);
  const last = ids.at(-1);
  if (last === undefined) {
    await finishContextRebuild(graph, rebuild);
    return;
  }
  await publishNewest(dependencies, publisher, ids, onRefused);
  await storeContextRebuild(graph, {
    ...rebuild,
    after: last,
    published: rebuild.published + ids.length,
  });
}

/** Halves what is refused until the refused context is alone. */
async function publishNewest(
  dependencies: PageDependencies,
  publisher: Publisher,
  ids: readonly string[],
  onRefused: OnRefused,
): Promise<void> {
  const { graph, policy, encode, onPublished } = dependencies;
  const contexts = await getContextsWithoutDevices(graph, { customer_ids: ids, policy });
  const encoded = contexts.flatMap((context) => {
    try {
      return [{ customerId: context.customer_id, record: encode(contextRecordOf(context, policy)) }];
    } catch (error) {
      onRefused(context.customer_id, error);
      return [];
    }
  });
  const [first, ...others] = encoded;
  if (first === undefined) return;
  try {
    await publisher.publish(encoded.map(({ record }) => record));
    onPublished(
      Topic.customerContext,
      encoded.map(({ customerId }) => customerId),
    );
  } catch (error) {
    if (!(error instanceof RecordsRefused)) throw error;
    if (others.length === 0) return onRefused(first.customerId, error);
    const left = encoded.map(({ customerId }) => customerId);
    const half = Math.ceil(left.length / 2);
    // Read once more: the publisher has registered itself once more, and another relay may have published newer ones before.
    for (const part of [left.slice(0, half), left.slice(half)])
      await publishNewest(dependencies, publisher, part, onRefused);
  }
}
