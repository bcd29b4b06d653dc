import type { IncomingHttpHeaders } from 'node:http';
import type { ProtocolError } from '#protocol';
import type { OperationRouter } from './operation-router.js';
import type { PublicAddress } from './public-address.js';
import { OriginPolicy } from './request/origin-policy.js';

/** The parts of a listener. */
export interface FrontListenerOptions {
  readonly address: PublicAddress;
  /** Finds the operations of requests; the listener answers no others. */
  readonly operations: OperationRouter;
  /** Address that the listener is bound to. */
  readonly host: string;
  /** Origins of pages that may call besides its own; `*` is every origin. */
  readonly corsOrigins: readonly string[];
  /** Names of this gateway besides its own address and URL; undefined if they are not set. */
  readonly allowedHosts: readonly string[] | undefined;
  /** Another URL of this gateway, whose name may stand in `Host` here as well. */
  readonly otherUrl?: string | undefined;
  /** True if every caller needs a bearer (HostPolicyOptions). */
  readonly needsBearer: boolean;
  /** Connections that it accepts although all places of the gateway are taken. */
  readonly connectionsReserved: number;
}

/** One listener of the front: its address, what it serves, and the web pages that may call it. */
export class FrontListener {
  readonly address: PublicAddress;
  readonly operations: OperationRouter;
  readonly connectionsReserved: number;
  /** Path that a proxy puts before every path of this listener; empty for none. */
  readonly pathPrefix: string;
  readonly #options: FrontListenerOptions;
  /** Replaced when it listens, because a free port is known only then. */
  #origins: OriginPolicy;

  constructor(options: FrontListenerOptions) {
    this.#options = options;
    this.address = options.address;
    this.operations = options.operations;
    this.connectionsReserved = options.connectionsReserved;
    this.pathPrefix = options.address.pathPrefix;
    this.#origins = this.#originPolicy();
  }

  /** Sets the port; called when the listener is bound. */
  listensOn(port: number): void {
    this.address.listensOn(port);
    this.#origins = this.#originPolicy();
  }

  /** Returns the reason for refusing a request because of its `Host` or `Origin`, or undefined. */
  refusal(headers: IncomingHttpHeaders): ProtocolError | undefined {
    return this.#origins.refusal(headers);
  }

  /** True when the caller is a page of another origin that may read answers. */
  isCrossOrigin(headers: IncomingHttpHeaders): boolean {
    return this.#origins.isCrossOrigin(headers);
  }

  #originPolicy(): OriginPolicy {
    return new OriginPolicy({ ...this.#options, publicUrl: this.address.url });
  }
}
