/** How Temporal's UI of a development copy reads payloads: through a proxy that adds an operator's token. */

import { freePort } from '../stack/ports.ts';

/** Next to the port of Temporal's UI. */
const PROXY_PORT = 8_234;
const SERVER_PORT = 8_235;

export interface CodecPorts {
  /** What the UI calls. */
  ui: number;
  /** The codec server's; the same if it asks for no token. */
  server: number;
}

/** Chosen first: the UI is configured with it before the programs that listen there can start. */
export async function chooseCodecPorts(useDefaultPorts: boolean, isInsecure: boolean): Promise<CodecPorts> {
  const ui = await freePort(useDefaultPorts ? PROXY_PORT : undefined);
  return { ui, server: isInsecure ? ui : await freePort(useDefaultPorts ? SERVER_PORT : undefined) };
}

/** @param ui the URL of Temporal's UI, whose pages may call under either name of this machine */
export function codecVariables(
  ports: CodecPorts,
  ui: string,
): { api: Record<string, string>; proxy: Record<string, string> } {
  const origins = [ui, ui.replace('127.0.0.1', 'localhost')].join();
  return {
    api: { CODEC_PORT: String(ports.server), CODEC_ORIGINS: origins },
    proxy: {
      SIM_CODEC_PORT: String(ports.ui),
      SIM_CODEC_TARGET: `http://127.0.0.1:${ports.server}`,
      SIM_CODEC_ORIGINS: origins,
    },
  };
}
