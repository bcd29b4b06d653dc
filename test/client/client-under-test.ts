import { WebSocket } from 'ws';
import { Sluice, type SluiceOptions } from '#client';

/** The transports that each test runs over. */
export const TRANSPORTS = ['http', 'websocket'] as const;

export type TransportUnderTest = (typeof TRANSPORTS)[number];

/** A client with the WebSocket of `ws`: Node 20 has none. */
export function clientOf(
  url: string | readonly string[],
  transport: TransportUnderTest,
  options: Partial<SluiceOptions> = {},
): Sluice {
  return new Sluice({ url, transport, WebSocket, ...options });
}

/** Returns the first items of an async iterable; leaves its loop then. */
export async function firstOf<T>(items: AsyncIterable<T>, count: number): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) {
    found.push(item);
    if (found.length === count) break;
  }
  return found;
}
