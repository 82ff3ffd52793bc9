/** One page of a rebuild of the contexts' topic. */

import { type Publisher, RecordsRefused } from '../domain/outbox/publisher.ts';
import { contextRecordOf } from '../domain/outbox/records.ts';
import { Topic } from '../domain/outbox/topics.ts';
import { getCustomerContexts } from '../graph/index.ts';
import {
  finishContextRebuild,
  readContextRebuild,
  readCustomersAfter,
  storeContextRebuild,
} from '../graph/outbox/index.ts';
import type { PageDependencies } from './relay-page.ts';

/** Contexts per transaction of Kafka: events wait for it. */
const PAGE = 200;

/**
 * Publishes the newest contexts of the next customers, if a rebuild was requested. Call it between pages of events, with
 * their publisher: contexts are then written in the order in which they were read, so none overwrites a newer one.
 * @param onRefused called with each customer whose context cannot be published
 * @returns whether a rebuild is in progress
 * @throws PersonaError kafka_unavailable, graph_unavailable
 */
export async function publishContexts(
  { graph, policy, encode, onPublished }: PageDependencies,
  publisher: Publisher,
  onRefused: (customerId: string, error: unknown) => void,
): Promise<boolean> {
  const rebuild = await readContextRebuild(graph);
  if (rebuild === undefined) return false;
  const ids = await readCustomersAfter(graph, rebuild.after, PAGE);
  const last = ids.at(-1);
  if (last === undefined) {
    await finishContextRebuild(graph, rebuild);
    return false;
  }
  const contexts = await getCustomerContexts(graph, { customer_ids: ids, policy });
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
  return true;
}
