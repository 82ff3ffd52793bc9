/** The workflow bundle: every process, and nothing but the processes. */
export {};
