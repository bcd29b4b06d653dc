import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start();
  const topic = JSON.stringify({ name: 'orders', partitions: 2 });
  expect((await send('POST', '/v1/topics', topic)).status).toBe(201);
});

afterAll(() => gateway?.dispose());

test.each([
  ['60,000 unknown configs', 'POST', '/v1/topics', configs(60_000), 'MEMBERS'],
  ['1,000,000 nested lists', 'POST', '/v1/topics', `{"name":${nested(500_000)}}`, 'DEPTH'],
  ['20,000 wrong offsets', 'PUT', '/v1/groups/g/offsets', wrongOffsets(20_000), 'ITEMS'],
  ['70,000 values', 'PUT', '/v1/groups/g/offsets', `{"x":${lists(70, 999)}}`, 'VALUES'],
])('%s are refused before they are checked', async (_, method, path, body, bound) => {
  const before = await refusals(bound);
  const { status, text } = await send(method, path, body);
  expect(status).toBe(bound === 'DEPTH' ? 400 : 413);
  expect(text).toContain(`SLUICE_BODY_${bound}_MAX`);
  expect(text.length).toBeLessThan(1000);
  expect(await refusals(bound)).toBe(before + 1);
});

test('a body of the control plane that is too large is refused with its setting', async () => {
  const before = await refusals('CONTROL_BYTES', '');
  const large = JSON.stringify({ name: 'a'.repeat(1024 * 1024) });
  const { status, text } = await send('POST', '/v1/topics', large);
  expect(status).toBe(413);
  const { code, detail } = JSON.parse(text) as { readonly code: string; readonly detail: string };
  expect(code).toBe('REQUEST_TOO_LARGE');
  expect(detail).toContain('at most 1048576 bytes are accepted (SLUICE_CONTROL_BYTES_MAX)');
  expect(detail).not.toContain('ndjson');
  expect(await refusals('CONTROL_BYTES', '')).toBe(before + 1);
});

test('200,000 repeated members of a record are not read to the end', async () => {
  const before = await refusals('MEMBERS');
  const body = `{"value":1${',"value":1'.repeat(200_000)}}`;
  const { status, text } = await send('POST', '/v1/topics/orders/records', body);
  const { errors } = JSON.parse(text) as { readonly errors: readonly object[] };
  expect(status).toBe(400);
  expect(errors).toHaveLength(21);
  expect(errors[0]).toEqual({ pointer: '/value', detail: 'repeated member "value"' });
  expect(errors[20]).toEqual({ pointer: '', detail: 'and 981 more' });
  expect(await refusals('MEMBERS')).toBe(before + 1);
});

test('twenty faults are described, the others counted', async () => {
  const { status, text } = await send('PUT', '/v1/groups/g/offsets', wrongOffsets(1000));
  const { errors } = JSON.parse(text) as { readonly errors: readonly object[] };
  expect(status).toBe(400);
  expect(errors).toHaveLength(21);
  expect(errors[20]).toEqual({ pointer: '', detail: 'and 3980 more' });
});

/** Returns the number of refusals by a bound on bodies, from /metrics. */
async function refusals(bound: string, prefix = 'BODY_'): Promise<number> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  const series = `sluice_bound_refusals_total{bound="SLUICE_${prefix}${bound}_MAX"} `;
  const line = text.split('\n').find((each) => each.startsWith(series));
  return line === undefined ? 0 : Number(line.slice(series.length));
}

function configs(count: number): string {
  const members = Array.from({ length: count }, (_, index) => `"c${index}":1`);
  return `{"name":"many","configs":{${members.join(',')}}}`;
}

function wrongOffsets(count: number): string {
  return `{"offsets":[${'{"x":0},'.repeat(count).slice(0, -1)}]}`;
}

function nested(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth);
}

function lists(count: number, items: number): string {
  const list = `[${'0,'.repeat(items).slice(0, -1)}]`;
  return `[${`${list},`.repeat(count).slice(0, -1)}]`;
}

async function send(
  method: string,
  path: string,
  body: string,
  contentType = 'application/json',
): Promise<{ readonly status: number; readonly text: string }> {
  const headers = { 'Content-Type': contentType };
  const response = await fetch(gateway.url + path, { method, headers, body });
  return { status: response.status, text: await response.text() };
}
