import type { Delivery } from '../delivery/delivery.js';
import { EventEncoder } from './event-encoding.js';
import { StreamSweep, type StreamSweepOptions } from './stream-sweep.js';

/** The settings that streams of events read. */
export interface EventStreamOptions extends StreamSweepOptions {
  readonly eventRetryMs: number;
  readonly socketBufferBytes: number;
}

/** What all streams of events share. */
export class EventStreams {
  readonly encoder = new EventEncoder();
  readonly sweep: StreamSweep;

  constructor(
    readonly delivery: Delivery,
    readonly options: EventStreamOptions,
  ) {
    this.sweep = new StreamSweep(delivery.scheduler, options);
  }
}
