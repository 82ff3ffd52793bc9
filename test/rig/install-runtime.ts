/** Runs before each test file of the tier `real`, whose files use the SDK's runtime once per process. */

import { installRuntime } from './runtime.ts';

installRuntime();
