/** Builds the workflow bundle ahead of time, for an image or before several test processes start, and prints its path. */

import { workflowBundle } from './bundle.ts';

console.log((await workflowBundle()).codePath);
