/**
 * `npm run bench`: every row beside its baseline, in one table.
 *
 *     npm run bench -- [--rows produce,fetch] [--quick] [--json FILE]
 *
 * Servers run on core 0, load on core 1. The machines are noisy: each row is a median over several
 * alternations of baseline and measurement, and only the ratio counts.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeCommit, describeMachine } from './harness/machine.js';
import { svgOf } from './harness/plot.js';
import type { Row, RowContext, RowResult } from './harness/row.js';
import { table } from './harness/table.js';
import { aclRow } from './rows/acl.js';
import { appendRow } from './rows/append.js';
import { authorizationRow } from './rows/authorization.js';
import { cliRow } from './rows/cli.js';
import { clientRow } from './rows/client.js';
import {
  catchUpReplicaRow,
  clusterProduceRow,
  failoverRow,
  manyPartitionsRow,
} from './rows/cluster.js';
import { deliveryLatencyRow, fanOutRow } from './rows/fan-out.js';
import { fetchRow } from './rows/fetch.js';
import {
  groupConsumeRow,
  groupDeathRow,
  groupFailoverRow,
  groupJoinRow,
  groupManyRow,
} from './rows/groups.js';
import { hotRoutesRow } from './rows/hot-routes.js';
import { loadCurveRow } from './rows/load-curve.js';
import { memoryRow } from './rows/memory.js';
import { natsRow } from './rows/nats.js';
import { partitionsRow } from './rows/partitions.js';
import { produceRow } from './rows/produce.js';
import { publishRow } from './rows/publish.js';
import { delayedRow, queueLatencyRow, queueRow } from './rows/queue.js';
import { restartRow } from './rows/restart.js';
import { startRow } from './rows/start.js';
import { catchUpRow, idleRow } from './rows/subscribers.js';

const ROWS: readonly Row[] = [
  produceRow,
  loadCurveRow,
  hotRoutesRow,
  appendRow,
  partitionsRow,
  fetchRow,
  fanOutRow,
  deliveryLatencyRow,
  publishRow,
  catchUpRow,
  idleRow,
  natsRow,
  queueRow,
  queueLatencyRow,
  delayedRow,
  startRow,
  restartRow,
  memoryRow,
  clusterProduceRow,
  failoverRow,
  manyPartitionsRow,
  catchUpReplicaRow,
  groupConsumeRow,
  groupJoinRow,
  groupDeathRow,
  groupFailoverRow,
  groupManyRow,
  aclRow,
  authorizationRow,
  clientRow,
  cliRow,
];

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'string', default: '.bench/results.json' },
  },
});

const wanted = options.rows?.split(',');
const unknown = wanted?.filter((id) => !ROWS.some((row) => row.id === id)) ?? [];
if (unknown.length > 0) {
  const known = ROWS.map((row) => row.id).join(', ');
  throw new Error(`no such rows: ${unknown.join(', ')}; there are ${known}`);
}

const rows = ROWS.filter((row) => wanted === undefined || wanted.includes(row.id));
const head = [
  `machine: ${describeMachine()}`,
  `commit:  ${describeCommit()}`,
  `command: npm run bench${process.argv.length > 2 ? ` -- ${process.argv.slice(2).join(' ')}` : ''}`,
].join('\n');
console.log(`${head}\n`);

const directory = dirname(options.json);
await mkdir(directory, { recursive: true });
const results: RowResult[] = [];
const pictures: string[] = [];
for (const [index, row] of rows.entries()) {
  const context: RowContext = {
    durationMs: options.quick ? 2000 : 5000,
    rounds: options.quick ? 1 : 3,
    isQuick: options.quick,
    progress: (text) => showProgress(`[${index + 1}/${rows.length}] ${text}`),
  };
  showProgress(`[${index + 1}/${rows.length}] ${row.title}`);
  const measured = await row.run(context);
  results.push(...measured);
  if (row.plot !== undefined) {
    const picture = join(directory, `${row.id}.svg`);
    await writeFile(picture, svgOf(row.plot(measured)));
    pictures.push(picture);
  }
}
showProgress('');
console.log(`${table(results)}\n`);

await writeFile(options.json, `${JSON.stringify({ head: head.split('\n'), results }, null, 2)}\n`);
console.log(`written to ${[options.json, ...pictures].join(', ')}`);

function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text}`);
  else if (text !== '') process.stderr.write(`${text}\n`);
}
