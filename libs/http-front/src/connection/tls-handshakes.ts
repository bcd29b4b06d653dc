import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { problemDocument } from '#api';
import { ProtocolError } from '#protocol';
import { certificateIdentity } from '#security';
import { endWithProblem } from '../answer/raw-problem.js';
import type { FrontContext } from '../front-context.js';
import type { ClientCertificate, TlsMaterial, TlsOptions } from './tls-options.js';

/** First byte of a TLS record that carries a handshake. */
const HANDSHAKE_RECORD = 0x16;

/**
 * The TLS handshakes of the public listener, from an accepted connection to a secure one.
 *
 * The server of node:tls never listens: it gets each connection whose first byte begins a
 * handshake. A connection that speaks plain HTTP gets an answer that says so. A certificate that is
 * refused does not fail the handshake, because a TLS alert reaches few programs as a message: the
 * first request is refused in its place.
 */
export class TlsHandshakes {
  readonly #context: FrontContext;
  readonly #clientAuth: TlsOptions['tlsClientAuth'];
  readonly #server: Server;
  readonly #onSecure: (raw: Socket, secure: TLSSocket) => void;
  /** Connections in a handshake, by the address of the client. */
  readonly #pending = new Map<string, Socket>();

  /** @param onSecure called with a connection before and after its handshake */
  constructor(
    context: FrontContext,
    material: TlsMaterial,
    onSecure: (raw: Socket, secure: TLSSocket) => void,
  ) {
    const { tlsClientAuth, tlsHandshakeTimeoutMs } = context.options;
    this.#context = context;
    this.#clientAuth = tlsClientAuth;
    this.#onSecure = onSecure;
    this.#server = createServer({
      ...contextOf(material),
      requestCert: tlsClientAuth !== 'none',
      // Refusals are answered, see above.
      rejectUnauthorized: false,
      handshakeTimeout: tlsHandshakeTimeoutMs,
      ALPNProtocols: ['http/1.1'],
    });
    this.#server.on('secureConnection', (secure) => {
      this.#secured(secure);
    });
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      const isLate = error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT';
      context.events.count(isLate ? 'handshakeLate' : 'handshakeFailed');
      // node:tls leaves a late connection open.
      socket.destroy();
    });
  }

  /** Uses other certificates from the next handshake on; sessions of earlier ones end. */
  use(material: TlsMaterial): void {
    this.#server.setSecureContext(contextOf(material));
  }

  /** Begins with a connection that was just accepted. */
  begin(raw: Socket): void {
    raw.on('error', () => undefined);
    raw.once('data', (first: Buffer) => {
      if (first[0] !== HANDSHAKE_RECORD) {
        this.#refusePlain(raw);
        return;
      }
      raw.pause();
      raw.unshift(first);
      const key = clientKey(raw);
      this.#pending.set(key, raw);
      raw.once('close', () => {
        if (this.#pending.get(key) === raw) this.#pending.delete(key);
      });
      this.#server.emit('connection', raw);
    });
  }

  /** The certificate that the client of a secure connection presented. */
  certificateOf(secure: TLSSocket): ClientCertificate {
    if (this.#clientAuth === 'none') return { kind: 'none' };
    const certificate = secure.getPeerX509Certificate();
    if (certificate !== undefined && secure.authorized) {
      const identity = certificateIdentity(certificate);
      if (identity !== undefined) return { kind: 'accepted', certificate, identity };
    }
    if (certificate === undefined && this.#clientAuth === 'requested') return { kind: 'none' };
    this.#context.events.count('certificateRefused');
    return { kind: 'refused', error: certificateRefusal() };
  }

  #secured(secure: TLSSocket): void {
    const key = clientKey(secure);
    const raw = this.#pending.get(key);
    this.#pending.delete(key);
    // The connection broke during the handshake.
    if (raw === undefined) {
      secure.destroy();
      return;
    }
    secure.disableRenegotiation();
    this.#onSecure(raw, secure);
  }

  #refusePlain(raw: Socket): void {
    this.#context.events.count('plainRefused');
    const detail = 'This port speaks TLS only: use an https or wss URL.';
    const error = new ProtocolError('INVALID_REQUEST', detail, { outcome: 'failed' });
    const { pathPrefix = '' } = this.#context.connections.of(raw)?.listener ?? {};
    const instance = `${pathPrefix}/`;
    raw.resume();
    endWithProblem(raw, problemDocument(error, instance, { status: 400 }), this.#context);
  }
}

/** The error of a connection without a certificate that counts; it does not say why. */
function certificateRefusal(): ProtocolError {
  const detail = 'The client certificate is missing or not accepted.';
  return new ProtocolError('SASL_AUTHENTICATION_FAILED', detail);
}

function contextOf({ cert, key, clientCa, clientCrl }: TlsMaterial) {
  return {
    cert,
    key,
    minVersion: 'TLSv1.2' as const,
    ...(clientCa === undefined ? undefined : { ca: clientCa }),
    ...(clientCrl === undefined ? undefined : { crl: clientCrl }),
  };
}

/**
 * Names a connection: both of its sockets have the same address, and no two open connections to one
 * listener do.
 */
function clientKey({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
