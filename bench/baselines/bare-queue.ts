/**
 * A server of node:http that keeps no state and does for one record of a queue what nobody can do
 * without: it answers a POST, a waiting GET and an ack, each after a write and an fdatasync.
 * Usage: bare-queue PORT DIRECTORY
 */
import { fdatasync, openSync, write } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';

const WRITE_BYTES = 200;
const bytes = Buffer.alloc(WRITE_BYTES, 'x');
const directory = process.argv[3] ?? '.';

/** A file that grows by one small write after the other. */
class SyncedFile {
  readonly #descriptor: number;
  #end = 0;

  constructor(name: string) {
    this.#descriptor = openSync(join(directory, name), 'w');
  }

  /** Calls `done` when one more write is durable. */
  append(done: () => void): void {
    write(this.#descriptor, bytes, 0, WRITE_BYTES, this.#end, (failed) => {
      if (failed !== null) throw failed;
      fdatasync(this.#descriptor, (unsynced) => {
        if (unsynced !== null) throw unsynced;
        done();
      });
    });
    this.#end += WRITE_BYTES;
  }
}

const topicLog = new SyncedFile('topic');
const groupLog = new SyncedFile('group');
let waiting: ServerResponse | undefined;
let offset = 0;

createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { url = '', method } = request;
    if (url.includes('/acks')) {
      JSON.parse(String(Buffer.concat(chunks)));
      groupLog.append(() => answer(response, { acks: [{}] }));
    } else if (url.includes('/members/')) waiting = response;
    else if (method === 'POST' && url.includes('/topics/')) {
      const { value } = JSON.parse(String(Buffer.concat(chunks))) as { readonly value: string };
      topicLog.append(() => {
        answer(response, { partition: 0, offset });
        deliver(value);
      });
    } else answer(response, {});
  });
}).listen(Number(process.argv[2]), '127.0.0.1');

function deliver(value: string): void {
  const poll = waiting;
  waiting = undefined;
  if (poll === undefined) throw new Error('no poll waits');
  const records = [{ partition: 0, offset, headers: [], value }];
  offset += 1;
  groupLog.append(() => answer(poll, { records }));
}

function answer(response: ServerResponse, body: object): void {
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length });
  response.end(text);
}
