import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below what the system takes for connections: one of those might have the port by the time it is
 * used.
 */
const PORTS = { from: 10_000, to: 32_000 };

/** A port of this machine that nobody listens on at present. */
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
