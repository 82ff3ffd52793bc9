import { createReadStream } from 'node:fs';

/** The same limit as for a REST request. */
export const MAX_LINE_BYTES = 64 * 1024;
const CHUNK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/** Why a line has no text: longer than `MAX_LINE_BYTES`, or in another encoding. */
export interface LineFault {
  fault: 'too_long' | 'not_utf8';
}

export interface Line {
  /** From 1, as editors count. */
  number: number;
  /** Without the line ending. */
  text: string | LineFault;
  /** Where the next line starts, in bytes. */
  end: number;
}

/**
 * The lines of a file of any length, in bounded memory.
 * @param from - where the first line to read starts, and how many lines precede it
 */
export async function* readLines(file: string, from: { offset: number; line: number }): AsyncGenerator<Line> {
  let { offset: end, line: number } = from;
  let parts: Buffer[] = [];
  let length = 0;
  const append = (part: Buffer) => {
    // Of a line that is too long only the length is needed.
    if (length <= MAX_LINE_BYTES) parts.push(part);
    length += part.length;
  };
  const endLine = (): Line => {
    number += 1;
    const text = length > MAX_LINE_BYTES ? ({ fault: 'too_long' } as const) : textOf(Buffer.concat(parts));
    parts = [];
    length = 0;
    return { number, text, end };
  };

  for await (const chunk of createReadStream(file, { start: end, highWaterMark: CHUNK_BYTES })) {
    let rest = chunk as Buffer;
    for (let at = rest.indexOf(NEWLINE); at >= 0; at = rest.indexOf(NEWLINE)) {
      append(rest.subarray(0, at));
      end += at + 1;
      yield endLine();
      rest = rest.subarray(at + 1);
    }
    append(rest);
    end += rest.length;
  }
  if (length > 0) yield endLine();
}

// Fatal: replacement characters would become part of a name. The decoder also drops a byte order mark, which some editors
// write at the start of a file, and which ends up in the middle of concatenated files.
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Without the carriage return that some editors write at the end of a line. */
function textOf(bytes: Buffer): string | LineFault {
  try {
    return UTF8.decode(bytes).replace(/\r$/, '');
  } catch {
    return { fault: 'not_utf8' };
  }
}
