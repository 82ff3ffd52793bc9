/** The log that a graph is rebuilt from: another graph's, or Kafka's copy of it. */

import type { StoredEvent } from './stream.ts';

/** An event with what a message calls the place where it was found. */
export interface SourceEvent {
  readonly event: StoredEvent;
  /** Yet to be published to Kafka. */
  readonly unpublished: boolean;
  /** Such as `persona.log.v1, partition 3, offset 17`. */
  readonly place: string;
}

export interface SourcePage {
  /** Each stream's events in their order; repetitions are allowed. */
  readonly events: readonly SourceEvent[];
  /** Where reading continues after this page, in a form of the source's own. */
  readonly position: string;
}

export interface LogSource {
  /** A replay is continued only from the source in which it began. */
  readonly id: string;
  /** Where the log ends now, in a form of the source's own: what is written later is not replayed. */
  end(): Promise<string>;
  /**
   * @param options.end as `end` returned it
   * @param options.after the position of the last page that was read; absent: from the beginning
   * @param options.streams ids; absent: all streams
   * @throws PersonaError log_unusable: an event is of a newer release, or is missing
   */
  read(options: {
    end: string;
    after: string | undefined;
    streams: ReadonlySet<string> | undefined;
  }): AsyncIterable<SourcePage>;
}
