/** One event of a customer's stream with all that its person may see of it (docs/reference/interfaces.md, 'One event'). */

import type { Contest } from './contests.ts';
import type { EventData } from './events/event.ts';
import { upcast } from './events/upcast.ts';
import { textsFor } from './texts/index.ts';
import type { EventReason, MethodName, Party, ShownEvent } from './texts/language.ts';
import { describeEvent, MASKED } from './timeline.ts';
import { type Opening, shownData } from './timeline-data.ts';

/** An event as the log holds it, before it is upcast. */
export interface LoggedEvent {
  readonly seq: number;
  readonly type: string;
  readonly schema_version: number;
  /** RFC 3339. */
  readonly occurred_at: string;
  readonly recorded_at: string;
  readonly source: string;
  readonly actor: string;
  readonly causation_id: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  /** The notes on it, sealed. */
  readonly notes: readonly EventNote[];
  /** Its contest, opened. */
  readonly contest?: Contest;
}

/** What is known of the customer besides the event; `unseal` opens what is sealed with the customer's key. */
export interface TimelineContext extends Opening {
  readonly customer_id: string;
  readonly locale: string | null;
  /** The payment methods by id; one that is not proven to be the customer's is absent. */
  readonly methods: ReadonlyMap<string, MethodName>;
}

/** A note of the person on an event. */
export interface EventNote {
  text: string;
  /** RFC 3339. */
  noted_at: string;
}

/** Of a masked event place and dates are shown; what else there is of it is null. */
export interface EventDetail {
  seq: number;
  /** The event's type, or `Masked`. */
  type: string;
  /** RFC 3339, as is `recorded_at`. */
  occurred_at: string;
  recorded_at: string;
  /** Which stream of the person's life reported it: an agent's name, or a party. */
  source: string | null;
  /** Who did it, in the same form. */
  actor: string | null;
  text: string;
  /** What decided, in words. */
  why: string | null;
  data: Record<string, unknown> | null;
  /** The id of another agent's event that led to it. */
  caused_by?: string;
  /** Oldest first. */
  notes: EventNote[];
  contest?: Contest;
}

/** The agents that a person sees by name; Chimera's part in an event would reveal a suspicion. */
const NAMED = /^(?:agent|service):(checkout|cerebrum|synapse|oracle)$/;

export function eventDetail(event: LoggedEvent, context: TimelineContext): EventDetail {
  const { seq, occurred_at, recorded_at, source, actor, causation_id } = event;
  const described = describeEvent(event, context);
  const { customer_id, locale } = context;
  const place = { seq, occurred_at, recorded_at };
  const notes = openNotes(event, context);
  const contest = event.contest && { contest: event.contest };
  if (described.type === MASKED)
    return { ...place, ...described, source: null, actor: null, why: null, data: null, notes, ...contest };
  const type = described.type;
  const data = upcast(type, event.schema_version, event.data) as unknown as EventData[ShownEvent];
  const { by, events } = textsFor(locale).timeline.why;
  const party = partyOf(actor, customer_id);
  const reason = events[type] as EventReason<ShownEvent> | undefined;
  return {
    ...place,
    type,
    text: described.text,
    source: nameOf(source, customer_id),
    actor: nameOf(actor, customer_id),
    why: reason?.(data, party) ?? by[party],
    data: shownData({ type, customer_id, data }, context),
    ...(causation_id !== null && !isOfFraudCase(source) && { caused_by: causation_id }),
    notes,
    ...contest,
  };
}

/** @param event its `seq`, and the notes on it */
export function openNotes(
  { seq, notes }: Pick<LoggedEvent, 'seq' | 'notes'>,
  { customer_id, unseal }: Pick<TimelineContext, 'customer_id' | 'unseal'>,
): EventNote[] {
  return notes.map(({ text, noted_at }) => ({
    text: unseal(text, 'Note', `${customer_id}:${seq}`, 'text'),
    noted_at,
  }));
}

/** The id of Chimera's event would reveal that there is one. */
function isOfFraudCase(source: string): boolean {
  return /fraud|chimera/i.test(source);
}

function nameOf(name: string, customerId: string): string {
  return NAMED.exec(name)?.[1] ?? partyOf(name, customerId);
}

/** @param name the actor or the source of an event: a caller, a workflow, a part of Persona, or an operator's own name */
function partyOf(name: string, customerId: string): Party {
  if (name === `customer:${customerId}`) return 'customer';
  if (/^(agent|service|customer)(:|$)/.test(name)) return 'service';
  if (name === 'gateway') return 'gateway';
  return /^(persona|policy|temporal|reconciliation)$|^workflow:/.test(name) ? 'persona' : 'operator';
}
