/** Reads the body of `/_sim/mode`: `{"mode": "away"}`, or in short form `away`, or the mode as the only key (`{"slow_ms": 500}`). */

export interface ModeRequest {
  mode: string;
  /** The value, if the mode was the only key. */
  value: unknown;
}

/** `undefined`: the mode is not one of `known`. */
export function readMode(text: string, known: readonly string[]): ModeRequest | undefined {
  const requested = modeIn(parsed(text));
  return requested !== undefined && known.includes(requested.mode) ? requested : undefined;
}

function modeIn(body: unknown): ModeRequest | undefined {
  if (typeof body === 'string') return { mode: body.trim(), value: undefined };
  if (typeof body !== 'object' || body === null) return undefined;
  const { mode, ...rest } = body as Record<string, unknown>;
  const [first] = Object.entries(rest);
  if (typeof mode === 'string') return { mode, value: first?.[1] };
  return first === undefined ? undefined : { mode: first[0], value: first[1] };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
