// Takes webhooks of other systems (POST) and sends each to all WebSockets that are connected.
// A webhook is answered when its record is written, so that a sender can rely on the answer.
// Run: node examples/11-webhook-in-websocket-out.mjs http://localhost:8080 3000
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { Sluice } from 'sluice-client';
import { WebSocketServer } from 'ws';
import { ensureTopic } from './ensure-topic.mjs';

const [url = 'http://localhost:8080', port = '3000'] = process.argv.slice(2);
const sluice = new Sluice({ url });
const topic = 'webhooks';
await ensureTopic(sluice, topic);
const producer = sluice.producer();

const server = createServer(async (request, response) => {
  try {
    const { offset } = await producer.send({ topic, value: await json(request) });
    response.writeHead(202).end(JSON.stringify({ offset }));
  } catch (error) {
    response.writeHead(error instanceof SyntaxError ? 400 : 503).end(error.message);
  }
});
const sockets = new WebSocketServer({ server });
const subscription = sluice.subscribe(topic);
await subscription.ready;
server.listen(Number(port), () => {
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`listening on ${address.port}`);
});

for await (const { offset, value } of subscription) {
  const text = JSON.stringify({ offset, value });
  for (const socket of sockets.clients) socket.send(text);
}
