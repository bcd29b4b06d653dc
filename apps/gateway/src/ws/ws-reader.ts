import type { Socket } from 'node:net';
import { assert } from '#runtime';

/** The reader of ws for a connection. */
export type WsReader = (this: Socket, chunk: Buffer) => void;

/** Returns the listener of ws, which gets whole messages instead of raw bytes. */
export function wsReader(tcp: Socket): WsReader {
  const [reader, other] = tcp.listeners('data');
  assert(reader !== undefined && other === undefined, 'only ws reads the connection');
  return reader as WsReader;
}
