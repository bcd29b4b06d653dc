/**
 * The requests in flight to each broker (`max.in.flight.requests.per.connection`), and the senders
 * that wait for one of them to end, in the order in which they came.
 */
import type { BrokerKey } from './produce-transport.js';

/** A sender that waits for a broker to answer an earlier request. */
export interface LaneWaiter {
  /** Called when a request may be sent: the waiter sends what it has, or nothing. */
  pump(): void;
}

interface Lane {
  inFlight: number;
  readonly waiting: Set<LaneWaiter>;
}

export class BrokerLanes {
  readonly #inFlightMax: number;
  readonly #lanes = new Map<BrokerKey | null, Lane>();

  /** @param inFlightMax requests that one broker has not answered */
  constructor(inFlightMax: number) {
    this.#inFlightMax = inFlightMax;
  }

  /** Requests in flight to all brokers. */
  get inFlight(): number {
    let inFlight = 0;
    for (const lane of this.#lanes.values()) inFlight += lane.inFlight;
    return inFlight;
  }

  /** Returns false while the broker has as many requests as it may: the waiter is called later. */
  hasRoom(broker: BrokerKey | null, waiter: LaneWaiter): boolean {
    const lane = this.#laneOf(broker);
    if (lane.inFlight < this.#inFlightMax) return true;
    lane.waiting.add(waiter);
    return false;
  }

  /** Counts a request, for which there must be room. */
  begin(broker: BrokerKey | null): void {
    this.#laneOf(broker).inFlight += 1;
  }

  /** Ends a request, and lets waiters send until there is no room left. */
  end(broker: BrokerKey | null): void {
    const lane = this.#laneOf(broker);
    lane.inFlight -= 1;
    if (lane.waiting.size === 0) return;
    // A waiter that cannot send yet may wait again, behind those that waited before.
    const waiting = [...lane.waiting];
    for (const waiter of waiting) {
      if (lane.inFlight >= this.#inFlightMax) return;
      lane.waiting.delete(waiter);
      waiter.pump();
    }
  }

  #laneOf(broker: BrokerKey | null): Lane {
    const existing = this.#lanes.get(broker);
    if (existing !== undefined) return existing;
    const lane = { inFlight: 0, waiting: new Set<LaneWaiter>() };
    this.#lanes.set(broker, lane);
    return lane;
  }
}
