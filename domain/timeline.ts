/**
 * A customer's events described for that customer (docs/reference/graph.md, 'The event log'). Suspicions of a bank or a
 * risk engine, codes, rules and other customers are never named. An event that may not be described keeps its place and
 * its date.
 */

import type { EventData, EventType } from './events/event.ts';
import { isReadable, upcast } from './events/upcast.ts';
import { textsFor } from './texts/index.ts';
import type { EventText, MethodName, ShownEvent } from './texts/language.ts';

/** The type that a masked event is shown with. */
export const MASKED = 'Masked';

/**
 * @param event - if its type or version is unknown to this release, it is masked too
 * @param customer.methods - the payment methods by id
 */
export function describeEvent(
  event: { type: string; schema_version: number; data: Readonly<Record<string, unknown>> },
  { methods, locale }: { methods: ReadonlyMap<string, MethodName>; locale?: string | null },
): { type: ShownEvent | typeof MASKED; text: string } {
  const { schema_version: version } = event;
  const { events, masked, methodName } = textsFor(locale).timeline;
  const isShown = (type: string): type is ShownEvent => Object.hasOwn(events, type);
  if (!isShown(event.type) || !isReadable(event.type, version)) return { type: MASKED, text: masked };
  const { type } = event;
  const describe = events[type] as EventText<EventType>;
  const name = (id: string) => methodName(methods.get(id));
  const data = upcast(type, version, event.data) as EventData[EventType];
  return { type, text: describe(data, name) };
}
