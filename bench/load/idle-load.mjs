/**
 * Subscribers that get no records: measures the server's memory with them.
 *
 *     taskset -c 1 node bench/load/idle-load.mjs '{"port": 8080, "pid": 123, "subscribers": 1000}'
 */
import { readFileSync } from 'node:fs';
import { argv, exit, stdout } from 'node:process';
import { clientFrame, openWebSocket } from './raw-websocket.mjs';

const OPENED_AT_ONCE = 64;
const SETTLED_MS = 3000;

const { port, pid, subscribers } = JSON.parse(argv[2] ?? '{}');
const subscribe = clientFrame(
  JSON.stringify({ event: 'subscribe', data: { subscription: 's', topic: 'bench' } }),
);

let subscribed = 0;
for (let opened = 0; opened < subscribers; opened += OPENED_AT_ONCE) {
  const count = Math.min(OPENED_AT_ONCE, subscribers - opened);
  await Promise.all(Array.from({ length: count }, openOne));
}
// Waits until the server has collected the garbage of opening them.
await new Promise((resolve) => {
  setTimeout(resolve, SETTLED_MS);
});
const rssKiB = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
stdout.write(`${JSON.stringify({ subscribed, rssBytes: rssKiB * 1024 })}\n`);
exit(0);

function openOne() {
  return new Promise((resolve, reject) => {
    openWebSocket({
      port,
      protocol: 'sluice.v1',
      onFrame: () => {
        subscribed += 1;
        resolve(undefined);
      },
    }).then((socket) => socket.write(subscribe), reject);
  });
}
