/** The `persona` command (docs/reference/interfaces.md, 'Command line'). Composition root. */

import { runCli } from './program.ts';

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  out: (text) => console.log(text),
  err: (text) => console.error(text),
});
