import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TokenIssuer } from '../../libs/security/src/testing/token-issuer.js';
import type { Environment } from '../support/gateway.js';

/** An issuer of tokens whose keys a gateway fetches from a web server. */
export class ServedIssuer extends TokenIssuer {
  readonly #server: Server;

  private constructor(issuer: string, server: Server) {
    super(issuer);
    this.#server = server;
  }

  static async start(): Promise<ServedIssuer> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const issuer = new ServedIssuer(`http://127.0.0.1:${port}`, server);
    server.on('request', (_request, response) => {
      void issuer.keySet().then((keySet) => response.end(JSON.stringify(keySet)));
    });
    return issuer;
  }

  /** Settings of a gateway that accepts the tokens for the audience `sluice`. */
  get settings(): Environment {
    return {
      SLUICE_JWT_ISSUER: this.issuer,
      SLUICE_JWT_AUDIENCE: 'sluice',
      SLUICE_JWT_JWKS_URL: `${this.issuer}/keys`,
    };
  }

  close(): void {
    this.#server.close();
  }
}
