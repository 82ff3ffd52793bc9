/** As in Persona, the bare recovery's charges and every process's notices have their own queues. */
export const gatewayQueueOf = (queue: string) => `${queue}-gateway`;
export const noticesQueueOf = (queue: string) => `${queue}-notices`;
