/** A condition on this machine prevents the stack from starting; the message alone explains what to do. */
export class StackError extends Error {
  override name = 'StackError';
}

/**
 * One line for a missing prerequisite, with the ways to provide it.
 *
 * @param service in docker-compose.yml; absent for a program that is not a server
 */
export function missingPrerequisite(
  what: string,
  forWhat: string,
  install: string,
  service?: string,
): StackError {
  const instead =
    service === undefined
      ? ''
      : `, or start ${forWhat} with 'docker compose up -d ${service}' and set its address in the environment (see docker-compose.yml)`;
  return new StackError(`${what} is missing, which ${forWhat} requires: ${install}${instead}`);
}
