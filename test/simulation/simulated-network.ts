import type { ClusterNetwork } from '#broker';
import type { CoordinationStore } from '#coordination';
import {
  decodePeerFailure,
  decodePeerMessage,
  encodePeerFailure,
  encodePeerMessage,
} from '#peer-rpc';
import { ProtocolError } from '#protocol';
import {
  NotLeaderError,
  type PeerCallOptions,
  type PeerHandlers,
  type PeerMessage,
  type PeerMethod,
  type Peers,
  PeerUnreachableError,
} from '#replication';
import type { SeededRandom } from '#runtime/testing';
import type { SimulatedLinks } from './simulated-links.js';
import type { SimulatedProcess } from './simulated-process.js';

/** Timeouts of the private listener. */
const CONNECT_TIMEOUT_MS = 3000;
const CLOSE_GRACE_MS = 2000;
/** Percentage of calls that find a kept connection. */
const KEPT_CONNECTIONS_PERCENT = 80;

/** The listener of a broker's machine. */
interface Listener {
  readonly process: SimulatedProcess;
  /** Undefined until the broker has joined its cluster. */
  served: { readonly clusterUuid: string; readonly handlers: PeerHandlers } | undefined;
  isClosing: boolean;
  /** Calls received and not answered; each is reset when the broker dies. */
  readonly calls: Set<ServedCall>;
}

interface ServedCall {
  /** Tells the caller that the connection is broken. */
  readonly reset: () => void;
  readonly signal: AbortController;
}

interface NetworkParts {
  readonly links: SimulatedLinks;
  readonly random: SeededRandom;
  /** Called when a method threw an unexpected error. */
  readonly unexpected: (who: string, error: unknown) => void;
}

/** A message between brokers, with its progress. */
export interface SeenMessage {
  readonly step: 'called' | 'arrived' | 'answered';
  /** Caller and callee. */
  readonly from: number;
  readonly to: number;
  readonly method: PeerMethod;
  /** Bytes of the request; of the answer once it has reached the caller. */
  readonly bytes: Buffer;
}

/** The private listeners of all brokers, and the connections between them. */
export class SimulatedNetwork {
  readonly #parts: NetworkParts;
  readonly #listeners = new Map<number, Listener>();
  /** Machines without power: they do not refuse connections either. */
  readonly #dark = new Set<number>();
  /** Kept connections: `<caller>><callee>`. */
  readonly #kept = new Map<string, Listener>();
  /** Called with every step of every call, for scenarios. */
  onMessage: ((seen: SeenMessage) => void) | undefined;

  constructor(parts: NetworkParts) {
    this.#parts = parts;
  }

  setDark(brokerId: number, isDark: boolean): void {
    if (isDark) this.#dark.add(brokerId);
    else this.#dark.delete(brokerId);
  }

  /** Binds the private address of a broker's process. */
  open(brokerId: number, process: SimulatedProcess): ClusterNetwork {
    const listener: Listener = { process, served: undefined, isClosing: false, calls: new Set() };
    this.#listeners.set(brokerId, listener);
    let peers: NetworkPeers | undefined;
    process.onDeath(() => this.#died(brokerId, listener));
    return {
      clusterUrl: `http://broker-${brokerId}:8081`,
      connect: (store) => {
        peers = new NetworkPeers(this, brokerId, process, store);
        return peers;
      },
      serve: (clusterUuid, handlers) => {
        listener.served = { clusterUuid, handlers };
      },
      close: async () => {
        listener.isClosing = true;
        await drained(listener);
        if (this.#listeners.get(brokerId) === listener) this.#listeners.delete(brokerId);
        peers?.close();
      },
    };
  }

  /** @see Peers.call */
  call(caller: Caller, to: number, method: PeerMethod, message: PeerMessage, ends: CallEnds): void {
    const { links, random } = this.#parts;
    const from = caller.brokerId;
    const bytes = encoded(message);
    this.onMessage?.({ step: 'called', from, to, method, bytes });
    const key = `${from}>${to}`;
    const kept = this.#kept.get(key);
    const request = (listener: Listener): void => {
      if (ends.isOver()) return;
      ends.sent();
      this.#kept.set(key, listener);
      links.send(from, to, () => {
        // Sent bytes may arrive after their sender has abandoned the call, or never.
        if (ends.isOver() && random.below(2) !== 0) return;
        this.#arrived(caller, listener, { to, method, bytes, ends });
      });
    };
    if (kept !== undefined && random.below(100) < KEPT_CONNECTIONS_PERCENT) {
      request(kept);
      return;
    }
    // Connecting takes both directions.
    links.send(from, to, () => {
      if (this.#dark.has(to)) return;
      const listener = this.#listeners.get(to);
      links.send(to, from, () => {
        if (listener !== undefined) request(listener);
        else ends.fail(new PeerUnreachableError(to, false, new Error('connection refused')));
      });
    });
  }

  /** @param listener the process that the connection leads to: no later one gets its bytes */
  #arrived(caller: Caller, listener: Listener, sent: SentCall): void {
    const { links } = this.#parts;
    const { to, method, bytes, ends } = sent;
    const from = caller.brokerId;
    if (this.#dark.has(to)) return;
    const reset = (): void => {
      this.#kept.delete(`${from}>${to}`);
      links.send(to, from, () =>
        ends.fail(new PeerUnreachableError(to, true, new Error('connection reset'))),
      );
    };
    if (this.#listeners.get(to) !== listener) {
      reset();
      return;
    }
    this.onMessage?.({ step: 'arrived', from, to, method, bytes });
    const call: ServedCall = { reset, signal: new AbortController() };
    listener.calls.add(call);
    const answer = (arrive: () => void): void => {
      if (!listener.calls.delete(call)) return;
      links.send(to, from, arrive);
    };
    ends.onOver(() => links.send(from, to, () => this.#gone(listener, call)));
    listener.process.deliver(() => {
      void this.#serve(caller, listener, { ...sent, answer, call });
    });
  }

  async #serve(
    { clusterUuid, brokerId: from }: Caller,
    { served, isClosing, process }: Listener,
    { to, method, bytes, ends, answer, call }: ArrivedCall,
  ): Promise<void> {
    const handler = served?.handlers[method];
    if (handler === undefined || served?.clusterUuid !== clusterUuid || isClosing) {
      const why = new Error('the broker takes no calls at present');
      answer(() => ends.fail(new PeerUnreachableError(to, false, why)));
      return;
    }
    try {
      const message = await handler(decodePeerMessage(bytes), { signal: call.signal.signal });
      const reply = encoded(message);
      answer(() => {
        this.onMessage?.({ step: 'answered', from, to, method, bytes: reply });
        ends.succeed(decodePeerMessage(reply));
      });
    } catch (error) {
      const failure = this.#failureOf(process, error, call);
      answer(() => ends.fail(failure));
    }
  }

  /** An error as it arrives at the caller. */
  #failureOf(process: SimulatedProcess, error: unknown, call: ServedCall): Error {
    const isKnown = error instanceof NotLeaderError || error instanceof ProtocolError;
    if (!isKnown && call.signal.signal.reason !== error) {
      this.#parts.unexpected(process.name, error);
    }
    const reported = isKnown ? error : new ProtocolError('UNKNOWN_SERVER_ERROR', String(error));
    const failure = decodePeerFailure(encodePeerFailure({ kind: 'failed', error: reported }));
    if (failure === undefined) throw new Error('the failure codec does not know its own');
    return failure.error;
  }

  /** Called when the caller no longer exists. */
  #gone(listener: Listener, call: ServedCall): void {
    if (!listener.calls.delete(call)) return;
    listener.process.deliver(() => call.signal.abort(new Error('the caller is gone')));
  }

  #died(brokerId: number, listener: Listener): void {
    if (this.#listeners.get(brokerId) === listener) this.#listeners.delete(brokerId);
    // A machine without power resets nothing: its callers wait until their timeouts.
    if (!this.#dark.has(brokerId)) for (const call of listener.calls) call.reset();
    listener.calls.clear();
  }
}

interface Caller {
  readonly brokerId: number;
  readonly clusterUuid: string;
}

/** A call as its caller sees it. */
interface CallEnds {
  isOver(): boolean;
  onOver(listener: () => void): void;
  /** Called when the other broker may have received it. */
  sent(): void;
  succeed(message: PeerMessage): void;
  fail(error: Error): void;
}

interface SentCall {
  readonly to: number;
  readonly method: PeerMethod;
  readonly bytes: Buffer;
  readonly ends: CallEnds;
}

interface ArrivedCall extends SentCall {
  readonly answer: (arrive: () => void) => void;
  readonly call: ServedCall;
}

/** The other brokers, as one process calls them. */
class NetworkPeers implements Peers {
  readonly #network: SimulatedNetwork;
  readonly #process: SimulatedProcess;
  readonly #store: CoordinationStore;
  readonly #caller: Caller;
  readonly #calls = new Set<(error: Error) => void>();
  #isClosed = false;

  constructor(
    network: SimulatedNetwork,
    brokerId: number,
    process: SimulatedProcess,
    store: CoordinationStore,
  ) {
    this.#network = network;
    this.#process = process;
    this.#store = store;
    this.#caller = { brokerId, clusterUuid: store.clusterUuid };
  }

  call(
    brokerId: number,
    method: PeerMethod,
    message: PeerMessage,
    { timeoutMs, signal }: PeerCallOptions,
  ): Promise<PeerMessage> {
    const isKnown = this.#store.state.brokers.get(brokerId)?.clusterUrl != null;
    if (!isKnown || this.#isClosed || signal?.aborted === true) {
      const why = new Error('not registered, or not asked any more');
      return Promise.reject(new PeerUnreachableError(brokerId, false, why));
    }
    return new Promise((resolve, reject) => {
      let isOver = false;
      let wasSent = false;
      const listeners: (() => void)[] = [];
      const end = (settle: () => void): void => {
        if (isOver) return;
        isOver = true;
        timer.cancel();
        connecting.cancel();
        signal?.removeEventListener('abort', onAbort);
        this.#calls.delete(abandon);
        stopListening();
        for (const listener of listeners) listener();
        settle();
      };
      const abandon = (cause: unknown): void =>
        end(() => reject(new PeerUnreachableError(brokerId, wasSent, cause)));
      const onAbort = (): void => abandon(signal?.reason);
      const { scheduler } = this.#process.ports;
      const timer = scheduler.after(timeoutMs, () => abandon(new Error('no answer in time')));
      const connecting = scheduler.after(CONNECT_TIMEOUT_MS, () => {
        if (!wasSent) abandon(new Error('no connection in time'));
      });
      const stopListening = this.#process.onDeath(() => end(() => undefined));
      signal?.addEventListener('abort', onAbort);
      this.#calls.add(abandon);
      this.#network.call(this.#caller, brokerId, method, message, {
        isOver: () => isOver,
        onOver: (listener) => {
          if (isOver) listener();
          else listeners.push(listener);
        },
        sent: () => {
          wasSent = true;
        },
        succeed: (answer) => this.#process.deliver(() => end(() => resolve(answer))),
        fail: (error) => this.#process.deliver(() => end(() => reject(error))),
      });
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const abandon of this.#calls) abandon(new Error('this broker is stopping'));
  }
}

/** Bytes of a message on its way. */
function encoded(message: PeerMessage): Buffer {
  return Buffer.concat(encodePeerMessage(message).chunks);
}

/** Resolves when a listener has answered all calls, or they were abandoned. */
async function drained({ calls, process }: Listener): Promise<void> {
  const endMs = process.ports.clock.monotonicMs() + CLOSE_GRACE_MS;
  while (calls.size > 0 && process.ports.clock.monotonicMs() < endMs) {
    await new Promise<void>((resolve) => {
      process.ports.scheduler.after(10, resolve);
    });
  }
  for (const { signal } of calls) signal.abort(new Error('the broker is stopping'));
}
