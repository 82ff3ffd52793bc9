/** Builds the workflow bundle ahead of time, for an image or before many test processes start: prints its path. */

import { workflowBundle } from './bundle.ts';

console.log((await workflowBundle()).codePath);
