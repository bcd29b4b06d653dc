import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PeerSecrets } from '../authentication/peer-secrets.js';
import type { PeerListener } from '../peer-listener.js';
import { PEER_HEADERS, peerAuthorization } from '../peer-protocol.js';
import { CALLEE_ID, CALLER_ID, CLUSTER_SECRET, CLUSTER_UUID } from './peer-pair.js';

/**
 * Returns the headers of a broker of the cluster that calls over a secure channel; undefined omits
 * a header.
 */
export function rawHeaders(
  changes: Readonly<Record<string, string | undefined>> = {},
): Readonly<Record<string, string | undefined>> {
  const headers = {
    host: 'broker',
    [PEER_HEADERS.cluster]: CLUSTER_UUID,
    [PEER_HEADERS.protocol]: '1',
    [PEER_HEADERS.caller]: String(CALLER_ID),
    [PEER_HEADERS.callee]: String(CALLEE_ID),
    ...changes,
  };
  const parties = [PEER_HEADERS.cluster, PEER_HEADERS.caller, PEER_HEADERS.callee] as const;
  const [cluster, caller, callee] = parties.map((name) => headers[name] ?? '');
  const secrets = new PeerSecrets([CLUSTER_SECRET]);
  const token = secrets.proofs(['channel', cluster ?? '', caller ?? '', callee ?? '']);
  return { [PEER_HEADERS.authorization]: peerAuthorization(token), ...headers };
}

/** Builds a request byte for byte, valid or not. */
export function rawRequest(
  requestLine: string,
  headers: Readonly<Record<string, string | undefined>>,
  body: Buffer,
): Buffer {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  const head = [`${requestLine} HTTP/1.1`, ...lines, '', ''].join('\r\n');
  return Buffer.concat([Buffer.from(head), body]);
}

/** Resolves with all bytes that arrive until the connection is closed. */
export async function receivedBy(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

/** Sends a request on a connection of its own. */
export function rawCall(listener: PeerListener, request: Buffer): Promise<string> {
  const socket = connect(listener.port, '127.0.0.1');
  socket.write(request);
  return receivedBy(socket);
}
