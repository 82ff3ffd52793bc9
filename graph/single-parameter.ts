import { toParameters } from './values.ts';

type Row = Record<string, unknown>;

/** The only parameter of every statement. */
const PARAMETERS = 'p';
const NAME = /\$(\w+)/g;

/** The rewritten statement by its original text. Texts are constants and combinations of them, so there are few. */
const rewritten = new Map<string, string>();

/**
 * Rewrites a statement for the driver with all parameters in one map, so that Neo4j plans it once. Neo4j's plan cache
 * also distinguishes statements by the type and approximate size of each parameter: one with five optional strings
 * would be planned again for each new combination of null, short and long strings, which takes from a tenth of a second
 * to several seconds.
 */
export function toSingleParameter(cypher: string, parameters: Row): [cypher: string, parameters: Row] {
  let text = rewritten.get(cypher);
  if (text === undefined) {
    text = cypher.replace(NAME, `$$${PARAMETERS}.$1`);
    rewritten.set(cypher, text);
  }
  return [text, { [PARAMETERS]: toParameters(parameters) }];
}
