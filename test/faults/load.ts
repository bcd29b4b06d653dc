/**
 * Clients of every kind that produce, read and commit while the gateway comes and goes, and write
 * into the ledger what they were told. Each ends by itself once the gateway is said to end.
 */
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import type { SeededRandom } from '../fuzz/seeded-random.js';
import type { Ledger, Place, SeenRecord } from './ledger.js';
import type { RestartingGateway } from './restarting-gateway.js';

export const TOPIC = 'orders';
const GROUP = 'billing';
const RECORDS = `/v1/topics/${TOPIC}/records`;
const JSON_TYPE = { 'Content-Type': 'application/json' };
const CLIENTS_OF_A_KIND = 4;

export interface Load {
  readonly gateway: RestartingGateway;
  readonly ledger: Ledger;
  readonly random: SeededRandom;
  readonly partitions: number;
}

interface ProblemBody {
  readonly code: string;
  readonly outcome?: string;
}

interface ProducedBody {
  readonly offsets: readonly (Place & { readonly error?: ProblemBody })[];
}

/** Starts all clients of a load. */
export function startClients(load: Load): Promise<void>[] {
  const clients = [commit(load)];
  for (let number = 0; number < CLIENTS_OF_A_KIND; number += 1) {
    clients.push(produceJson(load, `json-${number}`));
    clients.push(produceIdempotently(load, `idempotent-${number}`));
    clients.push(produceLines(load, `lines-${number}`));
  }
  for (let partition = 0; partition < load.partitions; partition += 1) {
    clients.push(follow(load, partition));
  }
  return clients;
}

/** All records of the load's topic at a gateway, in the order of partitions and offsets. */
export async function wholeLog(url: string, partitions: number): Promise<SeenRecord[]> {
  const all: SeenRecord[] = [];
  for (let partition = 0; partition < partitions; partition += 1) {
    const path = `/v1/topics/${TOPIC}/partitions/${partition}/records`;
    const headers = { Accept: 'application/x-ndjson' };
    const lines = (await (await fetch(`${url}${path}`, { headers })).text()).trimEnd().split('\n');
    const [end, ...records] = lines.map((line) => JSON.parse(line) as SeenRecord).toReversed();
    expect(end).toEqual({ nextOffset: records.length, highWatermark: records.length });
    all.push(...records.toReversed());
  }
  return all;
}

/** The offset that the group of the load has committed; 0 without one. */
export async function committedOffset(url: string): Promise<number> {
  const answer = await fetch(`${url}/v1/groups/${GROUP}/offsets`);
  const { offsets } = (await answer.json()) as { offsets: { offset: number }[] };
  return offsets[0]?.offset ?? 0;
}

/** Sends requests of a few records, and each of them once. */
async function produceJson(load: Load, name: string): Promise<void> {
  const { gateway, ledger, random } = load;
  for (let sent = 0; !gateway.isEnding; sent += 1) {
    const values = newValues(load, `${name}-${sent}`, 1 + random.below(5));
    const records = values.map((value) => (random.oneIn(2) ? { value, key: name } : { value }));
    const answer = await post(gateway, RECORDS, { records });
    if (answer === undefined) continue;
    if (answer.status >= 300) {
      if ((answer.body as ProblemBody).outcome === 'failed') values.forEach(failedIn(ledger));
      continue;
    }
    const { offsets } = answer.body as ProducedBody;
    for (const [index, value] of values.entries()) {
      const place = offsets[index];
      if (place?.error === undefined) ledger.acknowledged(value, place as Place);
      else if (place.error.outcome === 'failed') ledger.failed(value);
    }
  }
}

/** Sends each request again until it is acknowledged: every record must be in the log just once. */
async function produceIdempotently(load: Load, name: string): Promise<void> {
  const { gateway, ledger, random } = load;
  const partition = random.below(load.partitions);
  const producer = (await untilDone(load, '/v1/producers', {}, {})) as Record<string, number>;
  let sequence = 0;
  while (!gateway.isEnding) {
    const values = newValues(load, `${name}-${sequence}`, 1 + random.below(4));
    const records = values.map((value) => ({ value, partition }));
    const headers = {
      'Producer-Id': String(producer['producerId']),
      'Producer-Epoch': String(producer['producerEpoch']),
      'Producer-Sequence': String(sequence),
    };
    const { offsets } = (await untilDone(load, RECORDS, { records }, headers)) as ProducedBody;
    // As if the answer had been lost: kills alone seldom fall between the write and the answer.
    if (random.oneIn(3)) assertSame(offsets, await untilDone(load, RECORDS, { records }, headers));
    for (const [index, value] of values.entries()) {
      ledger.acknowledged(value, offsets[index] as Place);
    }
    sequence += values.length;
  }
}

/** Sends streams of lines, and reads the answers while it sends. */
async function produceLines(load: Load, name: string): Promise<void> {
  const { gateway } = load;
  for (let sent = 0; !gateway.isEnding; sent += 1) {
    await sendLines(load, newValues(load, `${name}-${sent}`, 200));
  }
}

/** Reads a partition on and on: what a reader was shown must stay. */
async function follow(load: Load, partition: number): Promise<void> {
  const { gateway, ledger } = load;
  const path = `/v1/topics/${TOPIC}/partitions/${partition}/records`;
  for (let offset = 0; !gateway.isEnding; ) {
    const answer = await gateway.call(`${path}?offset=${offset}&waitMs=200`, {});
    if (answer?.status !== 200) continue;
    const { records } = answer.body as { records: (Place & { value: string })[] };
    for (const record of records) ledger.seen(record);
    offset += records.length;
  }
}

/** Commits one offset after the other. */
async function commit({ gateway, ledger }: Load): Promise<void> {
  for (let offset = 1; !gateway.isEnding; offset += 1) {
    ledger.committedSent = offset;
    const answer = await gateway.call(`/v1/groups/${GROUP}/offsets`, {
      method: 'PUT',
      headers: JSON_TYPE,
      body: JSON.stringify({ offsets: [{ topic: TOPIC, partition: 0, offset }] }),
    });
    if (answer?.status === 200) ledger.committedAcknowledged = offset;
    // Above the high watermark, or broken off: the same again.
    else offset -= 1;
  }
}

function assertSame(offsets: ProducedBody['offsets'], retried: unknown): void {
  const first = JSON.stringify(offsets.map(({ offset }) => offset));
  const again = JSON.stringify((retried as ProducedBody).offsets.map(({ offset }) => offset));
  if (first !== again) throw new Error(`a retry was answered ${again}, the first try ${first}`);
}

function newValues({ ledger }: Load, name: string, count: number): string[] {
  const values = Array.from({ length: count }, (_, index) => `${name}-${index}`);
  for (const value of values) ledger.sent(value);
  return values;
}

function failedIn(ledger: Ledger): (value: string) => void {
  return (value) => {
    ledger.failed(value);
  };
}

function post(
  gateway: RestartingGateway,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): ReturnType<RestartingGateway['call']> {
  const init = { method: 'POST', headers: { ...JSON_TYPE, ...headers } };
  return gateway.call(path, { ...init, body: JSON.stringify(body) });
}

/** The body of the first answer that is a success; only errors of the server are tried again. */
async function untilDone(
  { gateway }: Load,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): Promise<unknown> {
  for (;;) {
    const answer = await post(gateway, path, body, headers);
    if (answer !== undefined && answer.status < 300) return answer.body;
    if (answer !== undefined && answer.status < 500) {
      throw new Error(`${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    }
  }
}

async function sendLines({ gateway, ledger }: Load, values: readonly string[]): Promise<void> {
  const sending = request(`${await gateway.url()}${RECORDS}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-ndjson' },
  });
  const broken = new Promise<void>((resolve) => {
    sending.on('error', () => {
      resolve();
    });
    sending.on('close', resolve);
  });
  void writeLines(sending, values);
  const response = await Promise.race([once(sending, 'response'), broken]).catch(() => undefined);
  if (!Array.isArray(response)) return;
  const [answer] = response;
  for await (const line of answeredLines(answer)) {
    const value = values[line.line - 1];
    if (value === undefined) continue;
    if (line.error === undefined) ledger.acknowledged(value, line);
    else if (line.error.outcome === 'failed') ledger.failed(value);
  }
}

/** The lines of an answer, also of one that breaks off because the gateway is killed. */
async function* answeredLines(answer: IncomingMessage): AsyncGenerator<AnswerLine> {
  answer.on('error', () => undefined);
  try {
    for await (const text of createInterface(answer)) {
      const line = parsedLine(text);
      if (line !== undefined) yield line;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
  }
}

interface AnswerLine extends Place {
  readonly line: number;
  readonly error?: ProblemBody;
}

/** Undefined for the half line where an answer broke off. */
function parsedLine(text: string): AnswerLine | undefined {
  try {
    return JSON.parse(text) as AnswerLine;
  } catch {
    return undefined;
  }
}

async function writeLines(sending: ClientRequest, values: readonly string[]): Promise<void> {
  for (const value of values) {
    if (sending.destroyed) return;
    const isTaken = sending.write(`${JSON.stringify({ value })}\n`);
    if (!isTaken) await Promise.race([once(sending, 'drain'), once(sending, 'close')]);
  }
  sending.end();
}
