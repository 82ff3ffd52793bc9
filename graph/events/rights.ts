import type { RightsEvents } from '../../domain/events/rights.ts';
import { utcTime, type Effects } from './effect.ts';
import { nodeRef } from './model.ts';

/** A note is identified by the event that added it. */
const noteId = (customerId: string, seq: number) => `${customerId}:${seq}`;

export const rightsEffects: Effects<RightsEvents> = {
  EventAnnotated: {
    cypher: `
      CREATE (n:Note {
        note_id: $note_id, customer_id: $stream_id, about_seq: $data.seq, text: $data.text,
        noted_at: datetime($occurred_at)
      })`,
    derived: ({ stream_id, seq }) => ({ note_id: noteId(stream_id, seq) }),
    fold(model, { stream_id, seq, occurred_at, data }) {
      const note_id = noteId(stream_id, seq);
      model.createNode(nodeRef('Note', note_id), {
        note_id,
        customer_id: stream_id,
        about_seq: data.seq,
        text: data.text,
        noted_at: utcTime(occurred_at),
      });
    },
  },
};
