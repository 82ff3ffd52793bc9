/** A static check: the words in identifiers and file names. */
import { fileURLToPath } from 'node:url';
import { checkVocabulary } from './vocabulary.ts';

const { files, problems } = checkVocabulary(fileURLToPath(new URL('../..', import.meta.url)));
for (const problem of problems) console.log(problem);
console.log(`${files} files, ${problems.length} problems`);
process.exitCode = problems.length === 0 && files > 0 ? 0 : 1;
