/** Runs the model simulator as a process: `SIM_PORT` (0: any free one). */

import { runSimulator } from '../run.ts';
import { startModelSimulator } from './server.ts';

await runSimulator(() => startModelSimulator({ port: Number(process.env.SIM_PORT ?? 0) }));
