/**
 * States of one record in a queue group, and the events that change them.
 *
 * - `delayed` waits for its `sluice.deliver.at` and holds its key back; only in key-ordered groups
 * - `available` waits for a member, at once or after the delay of a nack
 * - `acquired` is with one member, under a lock
 * - `archiving` was rejected, or delivered too often: its copy goes to the dead-letter topic
 * - `acknowledged` and `archived` are final: the group never delivers the record again
 */
export type DeliveryState =
  | 'delayed'
  | 'available'
  | 'acquired'
  | 'archiving'
  | 'acknowledged'
  | 'archived';

/** States that a record of the window has; the final ones leave the window. */
export type LiveState = Exclude<DeliveryState, 'acknowledged' | 'archived'>;

/**
 * - `becomeDue` the time of a delayed record has come
 * - `acquire` a member gets the record
 * - `extend` its member renews the lock
 * - `acknowledge` its member is done with it
 * - `release` it returns to the queue: nack, lock over, member gone
 * - `condemn` it must be copied to the dead-letter topic
 * - `archive` it is finished without having been processed: its copy is written, there is no
 *   dead-letter topic, it was purged, or it is no longer in the log
 */
export type DeliveryEvent =
  | 'becomeDue'
  | 'acquire'
  | 'extend'
  | 'acknowledge'
  | 'release'
  | 'condemn'
  | 'archive';

/** The next state, or undefined where the event is impossible in that state. */
export const DELIVERY_TRANSITIONS: Record<
  DeliveryState,
  Record<DeliveryEvent, DeliveryState | undefined>
> = {
  delayed: {
    becomeDue: 'available',
    acquire: undefined,
    extend: undefined,
    acknowledge: undefined,
    release: undefined,
    condemn: undefined,
    archive: 'archived',
  },
  available: {
    becomeDue: undefined,
    acquire: 'acquired',
    extend: undefined,
    acknowledge: undefined,
    release: undefined,
    condemn: undefined,
    archive: 'archived',
  },
  acquired: {
    becomeDue: undefined,
    acquire: undefined,
    extend: 'acquired',
    acknowledge: 'acknowledged',
    release: 'available',
    condemn: 'archiving',
    archive: 'archived',
  },
  archiving: {
    becomeDue: undefined,
    acquire: undefined,
    extend: undefined,
    acknowledge: undefined,
    release: undefined,
    condemn: undefined,
    archive: 'archived',
  },
  acknowledged: impossible(),
  archived: impossible(),
};

function impossible(): Record<DeliveryEvent, undefined> {
  return {
    becomeDue: undefined,
    acquire: undefined,
    extend: undefined,
    acknowledge: undefined,
    release: undefined,
    condemn: undefined,
    archive: undefined,
  };
}
