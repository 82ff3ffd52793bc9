/** Runs the Chimera simulator as a process: `SIM_PORT` (gRPC), `SIM_CONTROL_PORT` (HTTP); 0: any free one. */

import { runSimulator } from '../run.ts';
import { startChimeraSimulator } from './server.ts';

const { SIM_PORT, SIM_CONTROL_PORT } = process.env;

await runSimulator(() =>
  startChimeraSimulator({ port: Number(SIM_PORT ?? 0), controlPort: Number(SIM_CONTROL_PORT ?? 0) }),
);
