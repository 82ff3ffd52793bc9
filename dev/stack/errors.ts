/** A condition on this machine prevents the stack from starting; the message alone explains what to do. */
export class StackError extends Error {
  override name = 'StackError';
}

/** One line for a missing prerequisite, with the two ways to provide it. */
export function missingPrerequisite(
  what: string,
  forWhat: string,
  install: string,
  service: string,
): StackError {
  return new StackError(
    `${what} is missing, which ${forWhat} requires: ${install}, or start ${forWhat} with 'docker compose up -d ${service}' and set its address in the environment (see docker-compose.yml)`,
  );
}
