/** `docs/connecting.md`: its programs, and the table of the agents that call Persona. */

import { readFileSync } from 'node:fs';

/** A code block. */
export interface Block {
  language: string;
  /** The name in its first line, a comment. */
  file: string | undefined;
  text: string;
}

/** A row of the table of agents; `undefined`: the agent does not use this interface. */
export interface AgentRow {
  name: string;
  /** URI of its certificate. */
  certificate: string | undefined;
  /** The first scope named. */
  scope: string;
  /** Its first call over gRPC and over REST. */
  rpc: string | undefined;
  route: string | undefined;
}

/** Its commands need an account at Stripe, or the default ports. */
const NOT_RUN = "## Stripe's test mode";

const text = readFileSync(new URL('../../../docs/connecting.md', import.meta.url), 'utf8');

export function readBlocks(): Block[] {
  const sections = text.split(/^(?=## )/m).filter((section) => !section.startsWith(NOT_RUN));
  const blocks = sections.flatMap((section) => [...section.matchAll(/^```(\w+)\n([^]*?)^```$/gm)]);
  return blocks.map(([, language = '', content = '']) => ({
    language,
    file: /^(?:\/\/|#) ([\w.-]+\.\w+)(?:;|$)/m.exec(content.split('\n', 1)[0] ?? '')?.[1],
    text: content,
  }));
}

export function readAgentRows(): AgentRow[] {
  const [, table = ''] = /^\| agent \|.*\n\| ---.*\n((?:\|.*\n)+)/m.exec(text) ?? [];
  return table
    .trimEnd()
    .split('\n')
    .map((line) => {
      const cells = line.split('|').slice(1, -1);
      const [name, certificate, scope, rpc, route] = cells.map((cell) => /`([^`]+)`/.exec(cell)?.[1]);
      if (name === undefined || scope === undefined)
        throw new Error(`a row without an agent or a scope: ${line}`);
      return { name, certificate, scope, rpc, route };
    });
}
