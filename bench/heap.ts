/**
 * Measures the heaps of a Node process: that of its main thread and those of its worker threads, which run workflows. Uses
 * the inspector, which the process opens on SIGUSR1.
 */

import { setTimeout } from 'node:timers/promises';

/** Lets a program open its inspector on any free port, only on request. */
export const INSPECTABLE = { NODE_OPTIONS: '--inspect-port=127.0.0.1:0' };

export interface Inspectable {
  pid: number;
  /** Everything it has printed. */
  output(): string;
}

interface Message {
  id?: number;
  method?: string;
  params?: { sessionId: string; message: string };
  result?: { usedSize?: number };
}

const LISTENING = /Debugger listening on (ws:\S+)/;
const TIMEOUT_MS = 30_000;

/** @returns MB in use after a garbage collection, of all threads together */
export async function heapOf(program: Inspectable): Promise<number> {
  const socket = new WebSocket(await inspectorOf(program));
  try {
    return await withDeadline(measure(socket));
  } finally {
    socket.close();
  }
}

async function inspectorOf({ pid, output }: Inspectable): Promise<string> {
  for (const end = Date.now() + TIMEOUT_MS; Date.now() < end; ) {
    const url = LISTENING.exec(output())?.[1];
    if (url !== undefined) return url;
    process.kill(pid, 'SIGUSR1');
    await setTimeout(200);
  }
  throw new Error(`process ${pid} did not open its inspector`);
}

async function measure(socket: WebSocket): Promise<number> {
  const pendingReplies = new Map<string, (result: Message['result']) => void>();
  const threads: string[] = [];
  const onReply = (message: Message, thread: string) =>
    pendingReplies.get(`${thread}:${message.id}`)?.(message.result);
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    const { method, params } = message;
    if (method === 'NodeWorker.attachedToWorker' && params) threads.push(params.sessionId);
    else if (method === 'NodeWorker.receivedMessageFromWorker' && params)
      onReply(JSON.parse(params.message) as Message, params.sessionId);
    else onReply(message, '');
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', () => reject(new Error(`${socket.url} cannot be reached`)));
  });

  let id = 0;
  const sendCommand = (method: string, thread = '', params: object = {}): Promise<Message['result']> => {
    id += 1;
    const reply = new Promise<Message['result']>((resolve) => pendingReplies.set(`${thread}:${id}`, resolve));
    const message = JSON.stringify({ id, method, params });
    if (thread === '') socket.send(message);
    else void sendCommand('NodeWorker.sendMessageToWorker', '', { sessionId: thread, message });
    return reply;
  };
  // Reports every thread before its own response.
  await sendCommand('NodeWorker.enable', '', { waitForDebuggerOnStart: false });
  let bytes = 0;
  for (const thread of ['', ...threads]) {
    await sendCommand('HeapProfiler.collectGarbage', thread);
    bytes += (await sendCommand('Runtime.getHeapUsage', thread))?.usedSize ?? 0;
  }
  return bytes / 1e6;
}

async function withDeadline<T>(work: Promise<T>): Promise<T> {
  const controller = new AbortController();
  const deadline = setTimeout(TIMEOUT_MS, undefined, { signal: controller.signal }).then(() => {
    throw new Error('the inspector did not respond in time');
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    deadline.catch(() => {});
    controller.abort();
  }
}
