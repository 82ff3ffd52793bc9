/** As Persona does, the bare recovery charges, and every process writes, over a queue of its own. */
export const gatewayQueueOf = (queue: string) => `${queue}-gateway`;
export const noticesQueueOf = (queue: string) => `${queue}-notices`;
