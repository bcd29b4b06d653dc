/**
 * A saga over topics: an order is paid and shipped, or paid back. Each step reads one topic and
 * writes the next one, exactly once (read-process-write.mjs). There is no coordinator: a step records
 * what it could not do, and a later step compensates for what was done before.
 *
 *     orders -> pay -> payments -> ship -> shipments -> settle -> results
 *
 * usage: node examples/saga.mjs http://localhost:8080
 *
 * In a real system every step is a separate service. A step that calls another system (a payment
 * provider) may run twice for one record. It passes the order's id, so that the other system can
 * recognise the repetition.
 */
import { fileURLToPath } from 'node:url';
import { readProcessWrite } from './read-process-write.mjs';

const STOCK = new Set(['tea', 'coffee']);

const STEPS = [
  { from: 'orders', to: 'payments', step: pay },
  { from: 'payments', to: 'shipments', step: ship },
  { from: 'shipments', to: 'results', step: settle },
];

/**
 * @typedef {object} Order
 * @property {string} item
 * @property {number} amount
 * @property {string} [state]
 */

/** @param {Order} order */
function pay(order) {
  return { ...order, state: order.amount <= 100 ? 'paid' : 'payment refused' };
}

/** @param {Order} order */
function ship(order) {
  if (order.state !== 'paid') return order;
  return { ...order, state: STOCK.has(order.item) ? 'shipped' : 'out of stock' };
}

/**
 * Compensates: an order that was paid and cannot be shipped is paid back.
 * @param {Order} order
 */
function settle(order) {
  return order.state === 'out of stock' ? { ...order, state: 'paid back' } : order;
}

/** @param {string} url URL of the gateway */
export async function runSaga(url) {
  for (const name of ['orders', 'payments', 'shipments', 'results']) {
    const body = JSON.stringify({ name, partitions: 3 });
    const headers = { 'Content-Type': 'application/json' };
    const response = await fetch(`${url}/v1/topics`, { method: 'POST', headers, body });
    const { code, detail } = /** @type {any} */ (await response.json());
    if (!response.ok && code !== 'TOPIC_ALREADY_EXISTS') throw new Error(detail);
  }
  await Promise.all(
    STEPS.map(({ from, to, step }) =>
      readProcessWrite({ url, group: `saga-${to}`, from, to, process: ({ value }) => step(value) }),
    ),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await runSaga(process.argv[2] ?? 'http://localhost:8080');
