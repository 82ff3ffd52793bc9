import { toParameters } from './values.ts';

type Row = Record<string, unknown>;

/** The one parameter that every statement has. */
const PARAMETERS = 'p';
const NAME = /\$(\w+)/g;

/** By text: what is sent instead. Texts are constants and combinations of them, so these are few. */
const rewritten = new Map<string, string>();

/**
 * A statement as the driver gets it: all of its parameters in one map, so that Neo4j plans it once. Its cache of plans
 * tells statements apart by the type and the rough size of each parameter, too: one that has five optional strings
 * would be planned for null, for a short string and for a long one of each, whenever a new combination comes, at a
 * tenth of a second to several seconds.
 */
export function toSingleParameter(cypher: string, parameters: Row): [cypher: string, parameters: Row] {
  let text = rewritten.get(cypher);
  if (text === undefined) {
    text = cypher.replace(NAME, `$$${PARAMETERS}.$1`);
    rewritten.set(cypher, text);
  }
  return [text, { [PARAMETERS]: toParameters(parameters) }];
}
