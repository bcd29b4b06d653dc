import { createServer } from 'node:net';

const PORT_MAX = 65_535;

/** The first free ports of this machine from a number on, in order. */
export async function freePorts(first: number, count: number): Promise<number[]> {
  const found: number[] = [];
  for (let port = first; found.length < count; port += 1) {
    if (port > PORT_MAX) throw new Error(`there are no ${count} free ports from ${first} on`);
    if (await isFree(port)) found.push(port);
  }
  return found;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
