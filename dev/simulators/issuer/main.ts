/** Runs the development issuer as a process: `SIM_PORT` (0: any free one), `AUTH_AUDIENCE` of its tokens. */

import { runSimulator } from '../run.ts';
import { startIssuerSimulator } from './server.ts';

const { SIM_PORT, AUTH_AUDIENCE } = process.env;

await runSimulator(() =>
  startIssuerSimulator({ port: Number(SIM_PORT ?? 0), audience: AUTH_AUDIENCE ?? 'persona' }),
);
