/** Runs before each test file of the tier `real`, in which any file may be the first to use the SDK. */

import { installRuntime } from './runtime.ts';

installRuntime();
