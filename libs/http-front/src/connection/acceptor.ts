import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { assert } from '#runtime';
import { CertificateTrust, type RevocableAccess } from '#security';
import type { FrontContext } from '../front-context.js';
import type { FrontListener } from '../front-listener.js';
import type { Connection } from './connection-table.js';
import { TlsHandshakes } from './tls-handshakes.js';
import type { TlsMaterial } from './tls-options.js';

/**
 * Passes accepted connections to node:http and records them in the connection table. With TLS,
 * node:http gets the secure socket after the handshake in place of the accepted one, so that all
 * its timeouts and limits stay the same.
 */
export class Acceptor {
  readonly #context: FrontContext;
  #tls: TlsMaterial | undefined;
  readonly #handshakes: TlsHandshakes[] = [];

  /** @param tls undefined for plain HTTP */
  constructor(context: FrontContext, tls: TlsMaterial | undefined) {
    this.#context = context;
    this.#tls = tls;
  }

  /** Takes over the connections of a server that does not listen yet. */
  serve(server: Server, listener: FrontListener): void {
    const { connections } = this.#context;
    const [serveHttp] = server.listeners('connection') as ((socket: Socket) => void)[];
    assert(serveHttp !== undefined, 'node:http has no listener for connections');
    server.removeAllListeners('connection');
    const serve = serveHttp.bind(server);
    const handshakes = this.#tls === undefined ? undefined : this.#handshakesOf(this.#tls, serve);
    server.on('connection', (socket: Socket) => {
      // A connection that was returned to node:http comes a second time.
      const isKnown = connections.of(socket) !== undefined;
      if (!isKnown) connections.opened(socket, listener);
      if (isKnown || handshakes === undefined) serve(socket);
      else handshakes.begin(socket);
    });
  }

  /**
   * Uses other certificates from the next handshake on, and ends the connections of clients whose
   * certificate these no longer accept.
   */
  use(material: TlsMaterial): void {
    this.#tls = material;
    for (const handshakes of this.#handshakes) handshakes.use(material);
    if (material.clientCa === undefined) return;
    const trust = new CertificateTrust(material);
    for (const connection of this.#context.connections.all()) {
      const { certificate } = connection;
      if (certificate.kind !== 'accepted' || trust.accepts(certificate.certificate)) continue;
      this.#context.events.count('certificateEnded');
      this.#end(connection, certificate.access);
    }
  }

  /** Ends a connection whose certificate is no longer accepted; a WebSocket by its close frame. */
  #end(connection: Connection, access: RevocableAccess | undefined): void {
    const { openUses } = this.#context;
    access?.revoke();
    if (access !== undefined && connection.isUpgraded) openUses?.recheck(access);
    else connection.socket.destroy();
  }

  #handshakesOf(material: TlsMaterial, serve: (socket: Socket) => void): TlsHandshakes {
    const { connections } = this.#context;
    const handshakes = new TlsHandshakes(this.#context, material, (raw, secure) => {
      const connection = connections.secured(raw, secure);
      if (connection === undefined) {
        secure.destroy();
        return;
      }
      connection.certificate = handshakes.certificateOf(secure);
      serve(secure);
    });
    this.#handshakes.push(handshakes);
    return handshakes;
  }
}
