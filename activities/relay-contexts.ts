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

/**
 * Publishes the newest contexts of a rebuild's next customers. Call it between pages of events, with their publisher and
 * before the next page is prepared: contexts are then written in the order in which they were read, so none overwrites a
 * newer one.
 * @param onRefused called with each customer whose context cannot be published
 * @throws PersonaError kafka_unavailable, graph_unavailable
 */
export async function publishContexts(
  { graph, policy, encode, onPublished }: PageDependencies,
  publisher: Publisher,
  rebuild: ContextRebuild,
  onRefused: (customerId: string, error: unknown) => void,
): Promise<void> {
  const ids = await readCustomersAfter(graph, rebuild.after, PAGE);
  const last = ids.at(-1);
  if (last === undefined) {
    await finishContextRebuild(graph, rebuild);
    return;
  }
  const contexts = await getContextsWithoutDevices(graph, { customer_ids: ids, policy });
  const records = contexts.flatMap((context) => {
    try {
      return [encode(contextRecordOf(context, policy))];
    } catch (error) {
      onRefused(context.customer_id, error);
      return [];
    }
  });
  try {
    await publisher.publish(records);
  } catch (error) {
    if (!(error instanceof RecordsRefused)) throw error;
    for (const record of records) {
      try {
        await publisher.publish([record]);
      } catch (refusal) {
        if (!(refusal instanceof RecordsRefused)) throw refusal;
        onRefused(Buffer.from(record.key).toString(), refusal);
      }
    }
  }
  onPublished(
    Topic.customerContext,
    contexts.map(({ customer_id }) => customer_id),
  );
  await storeContextRebuild(graph, {
    ...rebuild,
    after: last,
    published: rebuild.published + ids.length,
  });
}
