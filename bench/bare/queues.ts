/** As Persona does, the bare recovery charges over a queue of its own. */
export const gatewayQueueOf = (queue: string) => `${queue}-gateway`;
