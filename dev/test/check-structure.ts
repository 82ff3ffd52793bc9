/** A static check: the dependencies between folders. */
import { fileURLToPath } from 'node:url';
import { checkStructure } from './structure.ts';

const { files, problems } = await checkStructure(fileURLToPath(new URL('../..', import.meta.url)));
for (const problem of problems) console.log(problem);
console.log(`${files} files, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
