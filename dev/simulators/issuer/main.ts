/**
 * Runs the development issuer as a process: `SIM_PORT` (0: any free one), `AUTH_AUDIENCE` of its tokens. With
 * `SIM_CODEC_PORT` also a proxy before the codec server at `SIM_CODEC_TARGET`, for pages of `SIM_CODEC_ORIGINS`.
 */

import { runSimulator } from '../run.ts';
import { startCodecProxy } from './codec-proxy.ts';
import { startIssuerSimulator } from './server.ts';

const {
  SIM_PORT,
  AUTH_AUDIENCE,
  SIM_CODEC_PORT,
  SIM_CODEC_TARGET = '',
  SIM_CODEC_ORIGINS = '',
} = process.env;

await runSimulator(async () => {
  const issuer = await startIssuerSimulator({
    port: Number(SIM_PORT ?? 0),
    audience: AUTH_AUDIENCE ?? 'persona',
  });
  if (!SIM_CODEC_PORT) return issuer;
  const proxy = await startCodecProxy({
    port: Number(SIM_CODEC_PORT),
    target: SIM_CODEC_TARGET,
    origins: SIM_CODEC_ORIGINS.split(','),
    getToken: async () => {
      const answer = await fetch(`${issuer.token_url}?role=ops`);
      return ((await answer.json()) as { access_token: string }).access_token;
    },
  });
  const close = async () => {
    await Promise.all([issuer.close(), proxy.close()]);
  };
  return { ...issuer, codec: proxy.url, close };
});
