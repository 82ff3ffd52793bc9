import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { missingPrerequisite } from './errors.ts';
import { isExecutable, findOnPath } from './tools.ts';

const program = process.platform === 'win32' ? 'java.exe' : 'java';

/**
 * Finds a Java of one of these major versions: in `JAVA_HOME`, on `PATH`, then in the systems' standard folders.
 *
 * @param need the server that needs it, with its service in docker-compose.yml if it has one
 * @throws StackError naming what was found instead
 */
export async function findJava(
  majors: readonly number[],
  need: { server: string; service?: string },
  env: Record<string, string | undefined>,
): Promise<string> {
  const found: string[] = [];
  for (const java of candidates(env)) {
    const major = await majorVersion(java);
    if (major !== undefined && majors.includes(major)) return java;
    found.push(`${java} is ${major === undefined ? 'an unknown version' : `Java ${major}`}`);
  }
  const wanted = majors.join(' or ');
  const instead = found.length === 0 ? '' : ` (${found.join('; ')})`;
  throw missingPrerequisite(
    `Java ${wanted}`,
    need.server,
    `install a Java ${wanted} runtime${instead}`,
    need.service,
  );
}

function candidates(env: Record<string, string | undefined>): string[] {
  const homes = [
    ...(env.JAVA_HOME ? [env.JAVA_HOME] : []),
    ...subfolders('/usr/lib/jvm'),
    ...subfolders('/Library/Java/JavaVirtualMachines').map((folder) => join(folder, 'Contents', 'Home')),
  ];
  const [first, ...rest] = homes.map((home) => join(home, 'bin', program)).filter(isExecutable);
  const path = findOnPath('java', env.PATH);
  const ordered = env.JAVA_HOME ? [first, path, ...rest] : [path, first, ...rest];
  return [...new Set(ordered.filter((java) => java !== undefined))];
}

async function majorVersion(java: string): Promise<number | undefined> {
  const { stderr } = await execa(java, ['-version'], { reject: false });
  const found = /version "(\d+)/.exec(stderr);
  return found ? Number(found[1]) : undefined;
}

function subfolders(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return [];
  }
}
