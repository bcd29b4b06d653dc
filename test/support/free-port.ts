import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Ports below the ephemeral range: the system might give one of those to a connection before it is
 * used.
 */
const PORTS = { from: 10_000, to: 32_000 };

/** A port of this machine without a listener. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from));
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    const listening = once(server, 'listening');
    server.listen(port, '127.0.0.1');
    await listening;
    server.close();
    await once(server, 'close');
    return true;
  } catch {
    return false;
  }
}
