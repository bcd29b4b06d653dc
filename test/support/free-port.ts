import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Ports below the ephemeral range: the system might give one of those to a connection before it is
 * used.
 */
const PORTS = { from: 10_000, to: 32_000 };

/**
 * A port of this machine without a listener, which no other call gets while this process lives, in
 * any test process: the program that listens on it may need seconds to start.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from));
    if ((await isReserved(port)) && (await isFree(port))) return port;
  }
}

/** Reserves a port by its UDP port of the same number, of which a machine has one as well. */
async function isReserved(port: number): Promise<boolean> {
  const reservation = createSocket('udp4');
  try {
    const bound = once(reservation, 'listening');
    reservation.bind(port, '127.0.0.1');
    await bound;
    reservation.unref();
    return true;
  } catch {
    reservation.close();
    return false;
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
