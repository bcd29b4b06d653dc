// A saga without a coordinator: an order is paid, then shipped; what cannot be shipped is paid back.
// A step that dies after its write runs again: other systems recognise an order by its id.
// Run: node examples/09-saga.mjs http://localhost:8080
import { Sluice } from 'sluice-client';
import { ensureTopic } from './ensure-topic.mjs';

const sluice = new Sluice({ url: process.argv[2] ?? 'http://localhost:8080' });
for (const name of ['orders', 'payments', 'shipments']) await ensureTopic(sluice, name, 3);
const producer = sluice.producer();
const send = (topic, order) => producer.send({ topic, key: order.id, value: order });

/** Reads a topic in a group of its own; each step can be a separate service. */
function step(name, topic, handle) {
  return sluice
    .consumer({ group: `saga-${name}`, topics: [topic], autoOffsetReset: 'earliest' })
    .run(({ value }) => handle(value), { ordering: 'key' });
}

const pay = (order) =>
  send('payments', { ...order, state: order.amount <= 100 ? 'paid' : 'payment refused' });

async function ship(order) {
  if (order.state !== 'paid') return end(order);
  await send('shipments', { ...order, state: order.item === 'tea' ? 'shipped' : 'out of stock' });
}

/** Compensates for the payment of an order that cannot be shipped. */
async function settle(order) {
  if (order.state === 'shipped') return end(order);
  await send('payments', { ...order, state: 'paid back' });
}

const ended = new Set();
let finish;
const finished = new Promise((resolve) => {
  finish = resolve;
});
function end({ id, state }) {
  console.log(`order ${id}: ${state}`);
  if (ended.add(id).size === 3) finish();
}

await send('orders', { id: 'a', item: 'tea', amount: 10 });
await send('orders', { id: 'b', item: 'tea', amount: 1000 });
await send('orders', { id: 'c', item: 'cocoa', amount: 10 });
const runs = [step('pay', 'orders', pay), step('ship', 'payments', ship)];
runs.push(step('settle', 'shipments', settle));
await finished;
await Promise.all([sluice.close(), ...runs]);
