import { deflateRawSync, gzipSync } from 'node:zlib';
import { ALL_OPERATIONS } from '#api';
import type { SeededRandom } from './seeded-random.js';

/** The input of one connection to the gateway. */
export interface FuzzCase {
  /** Pieces that are sent in turn. */
  readonly pieces: readonly Buffer[];
  /** The ending: the client disconnects, closes its side and reads on, or both at once. */
  readonly ending: 'abort' | 'half-close';
}

const TOPIC_PATHS = ['/v1/topics/fuzz', '/v1/topics/fuzz2', '/v1/topics/missing', '/v1/topics/__x'];
const PATHS = [
  ...TOPIC_PATHS.map((path) => `${path}/records`),
  ...TOPIC_PATHS.map((path) => `${path}/partitions/0/records`),
  ...ALL_OPERATIONS.map(({ path }) =>
    path
      .replace('{topic}', 'fuzz')
      .replace('{partition}', '0')
      .replace(/\{\w+\}/g, 'g'),
  ),
  '*',
  '//',
  '/v1/topics/%2e%2e/records',
  '/v1/topics/%00/records',
  `/v1/topics/${'a'.repeat(2000)}/records`,
];
const QUERIES = [
  '',
  '?acks=0',
  '?acks=1&timeoutMs=1',
  '?partition=1',
  '?partition=99999999999',
  '?key=%F0%9F%98%80',
  '?body=value',
  '?report=errors',
  '?offset=0&waitMs=60000',
  '?offset=latest&waitMs=60000&minBytes=1000000',
  '?follow=true&offset=latest',
  '?limit=1&format=raw',
  '?format=base64',
  '?timestamp=1',
  '?acks=all&acks=all',
  '?%=%',
  '?&&==&',
];
const METHODS = ['POST', 'POST', 'POST', 'GET', 'GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const HEADERS = [
  'Content-Type: application/json',
  'Content-Type: application/json',
  'Content-Type: application/x-ndjson',
  'Content-Type: application/x-ndjson',
  'Content-Type: text/plain; charset=x',
  'Content-Type: ;;;=',
  'Accept: application/x-ndjson',
  'Accept: ,;q=x,*/*',
  'Accept-Encoding: gzip;q=zero, br',
  'Content-Encoding: gzip',
  'Content-Encoding: br',
  'Content-Encoding: deflate',
  'Content-Encoding: gzip, gzip',
  'Expect: 100-continue',
  'Expect: 200-ok',
  'Producer-Id: 1',
  'Producer-Epoch: -1',
  'Producer-Sequence: 2147483648',
  'Origin: null',
  'Origin: http://127.0.0.1',
  'Host: [::1',
  'Connection: close',
  'Connection: upgrade',
  'Upgrade: websocket',
  'Transfer-Encoding: chunked, chunked',
  'X-Request-Id: \u00e9\u00e9',
  'Content-Length: 18446744073709551616',
  'Trailer: x',
];
const BODIES = [
  '',
  '{"value":1}',
  '{"records":[{"value":{"a":[1,2,{"b":null}]},"key":"k","headers":{"h":"v"},"timestamp":1}]}',
  '{"records":[{"valueBase64":"AAEC","keyBase64":"/w==","headers":[{"key":"h","value":null}]}]}',
  '{"value":1}\n{"value":"two","partition":0}\n\n{"key":"k","value":null}\n',
  '{"name":"fuzz2","partitions":2,"configs":{"retention.ms":-1}}',
  '{"offsets":[{"topic":"fuzz","partition":0,"offset":0}]}',
  '['.repeat(2000),
  `{"value":"${'\\u00e9'.repeat(500)}"}`,
  '{"value":1e400,"__proto__":{},"constructor":1}',
  'plain text',
  '\u0000\u00ff\ufffe',
];

/** Generates the case of one connection. */
export function fuzzCase(random: SeededRandom): FuzzCase {
  const requests = Array.from({ length: 1 + random.below(3) }, () => request(random));
  let bytes: Buffer = Buffer.concat(requests);
  if (random.oneIn(2)) bytes = mutated(bytes, random);
  if (random.oneIn(3)) bytes = bytes.subarray(0, random.below(bytes.length));
  return {
    pieces: cut(bytes, random),
    ending: random.oneIn(3) ? 'abort' : 'half-close',
  };
}

function request(random: SeededRandom): Buffer {
  const target = `${random.pick(PATHS)}${random.pick(QUERIES)}`;
  const headers = Array.from({ length: random.below(4) }, () => random.pick(HEADERS));
  const body = codedBody(random, headers);
  const isChunked = random.oneIn(3);
  const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`;
  const lines = [
    `${random.pick(METHODS)} ${target} HTTP/1.${random.oneIn(10) ? 0 : 1}`,
    'Host: 127.0.0.1',
    framing,
    ...headers,
  ];
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
  return Buffer.concat([head, isChunked ? chunked(body, random) : body]);
}

function codedBody(random: SeededRandom, headers: readonly string[]): Buffer {
  const text = Buffer.from(random.pick(BODIES));
  const plain = random.oneIn(3) ? mutated(text, random) : text;
  if (!headers.some((header) => header.startsWith('Content-Encoding'))) return plain;
  if (random.oneIn(4)) return plain;
  const inflated = random.oneIn(10) ? Buffer.alloc(3_000_000) : plain;
  return random.oneIn(4) ? deflateRawSync(inflated) : gzipSync(inflated);
}

function chunked(body: Buffer, random: SeededRandom): Buffer {
  const chunks = cut(body, random).filter((piece) => piece.length > 0);
  return Buffer.concat([
    ...chunks.flatMap((piece) => [
      Buffer.from(`${piece.length.toString(16)}\r\n`),
      piece,
      Buffer.from('\r\n'),
    ]),
    Buffer.from('0\r\n\r\n'),
  ]);
}

/** Flips, drops, duplicates and inserts a few bytes. */
function mutated(bytes: Buffer, random: SeededRandom): Buffer {
  let result: Buffer = Buffer.from(bytes);
  for (let round = 1 + random.below(6); round > 0 && result.length > 0; round -= 1) {
    const at = random.below(result.length);
    const end = Math.min(result.length, at + 1 + random.below(20));
    const before = result.subarray(0, at);
    const after = result.subarray(end);
    const middle = result.subarray(at, end);
    result = random.pick([
      () => Buffer.concat([before, random.bytes(middle.length), after]),
      () => Buffer.concat([before, after]),
      () => Buffer.concat([before, middle, middle, after]),
      () => Buffer.concat([before, random.bytes(random.below(8)), middle, after]),
    ])();
  }
  return result;
}

function cut(bytes: Buffer, random: SeededRandom): Buffer[] {
  const pieces: Buffer[] = [];
  let at = 0;
  while (at < bytes.length && pieces.length < 8) {
    const end = random.oneIn(2) ? bytes.length : at + 1 + random.below(bytes.length - at);
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  if (at < bytes.length) pieces.push(bytes.subarray(at));
  return pieces;
}
