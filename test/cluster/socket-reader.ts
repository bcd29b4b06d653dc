import type { ClusterBroker } from '../support/cluster-processes.js';
import { type Message, SocketClient } from '../ws/socket-client.js';
import type { ShownRecord } from './history.js';

export interface SocketReaderOptions {
  /** The broker that the clients connect to, and reconnect to. */
  readonly broker: ClusterBroker;
  readonly topic: string;
  /** The offset that each partition's next record must have; the caller moves them on. */
  readonly next: ReadonlyMap<number, number>;
  readonly isEnding: () => boolean;
  readonly onRecord: (record: ShownRecord) => void;
  /** It was told something else than records, or its connection ended while its broker was up. */
  readonly onDisturbance: (code: string) => void;
}

const SUBSCRIPTION = 's';
const PAUSE_MS = 20;

/** Reads a topic over a WebSocket, connecting again when it has to, until it is told to end. */
export async function readSocket(options: SocketReaderOptions): Promise<void> {
  while (!options.isEnding()) {
    const client = await connected(options);
    if (client === undefined) await pause();
    else await readUntilClosed(client, options);
  }
}

async function connected({ broker }: SocketReaderOptions): Promise<SocketClient | undefined> {
  if (!broker.isUp) return undefined;
  try {
    return await SocketClient.open(broker.url);
  } catch {
    return undefined;
  }
}

async function readUntilClosed(client: SocketClient, options: SocketReaderOptions): Promise<void> {
  const { broker, topic, next, isEnding, onDisturbance } = options;
  const offsets = [...next].map(([partition, offset]) => ({ topic, partition, offset }));
  const data = { subscription: SUBSCRIPTION, topics: [topic], from: { offsets } };
  client.send('subscribe', data);
  while (!isEnding()) {
    const isRefused = client.messages.splice(0).some((message) => isError(message, options));
    if (isRefused) break;
    if (client.socket.readyState === client.socket.CLOSED) {
      const { code } = await client.closed;
      if (broker.isUp) onDisturbance(`closed with ${code}`);
      return;
    }
    await pause();
  }
  client.terminate();
  await client.closed;
}

/** Hands records on; true when it was an error, after which one has to begin again. */
function isError({ event, data }: Message, options: SocketReaderOptions): boolean {
  if (event === 'records') {
    for (const { partition, offset, value } of data.records ?? []) {
      options.onRecord({ partition, offset, value: String(value) });
    }
    return false;
  }
  if (event !== 'error') return false;
  options.onDisturbance(data.code ?? 'an error without a code');
  return true;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
