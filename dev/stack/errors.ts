/** Something on this machine keeps the stack from starting; the message alone tells the reader what to do. */
export class StackError extends Error {
  override name = 'StackError';
}

/** One line for a prerequisite that is not there: what is missing, and the two ways to get it. */
export function missingPrerequisite(
  what: string,
  forWhat: string,
  install: string,
  service: string,
): StackError {
  return new StackError(
    `${what} is missing, needed for ${forWhat}: ${install}, or start it with 'docker compose up -d ${service}' and set its address in the environment (see docker-compose.yml)`,
  );
}
