import type { DeliveryStatus } from '#delivery';
import type { StatusSeries } from './status-series.js';

/** Series of the live delivery to subscriptions. */
export const DELIVERY_SERIES: readonly StatusSeries<DeliveryStatus>[] = [
  {
    name: 'sluice_delivery_subscriptions',
    type: 'gauge',
    help: 'Subscriptions.',
    read: (s) => s.subscriptions,
  },
  {
    name: 'sluice_delivery_cursors',
    type: 'gauge',
    help: 'Partitions that subscriptions read; the limit is SLUICE_CURSORS_MAX.',
    read: (s) => s.cursors,
  },
  {
    name: 'sluice_delivery_live_cursors',
    type: 'gauge',
    help: 'Partitions of subscriptions that are up to date.',
    read: (s) => s.liveCursors,
  },
  {
    name: 'sluice_delivery_subscription_memory_bytes',
    type: 'gauge',
    help: 'Heap of subscriptions, with the names that clients gave them; the limit is SLUICE_SUBSCRIPTION_MEMORY_BYTES.',
    read: (s) => s.memoryBytes,
  },
  {
    name: 'sluice_delivery_catch_up_bytes',
    type: 'gauge',
    help: 'Memory of records kept for subscribers that are behind.',
    read: (s) => s.catchUpKeptBytes,
  },
  {
    name: 'sluice_delivery_records_out_total',
    type: 'counter',
    help: 'Records delivered.',
    read: (s) => s.recordsTotal,
  },
  {
    name: 'sluice_delivery_subscriptions_refused_total',
    type: 'counter',
    help: 'Subscriptions refused by SLUICE_CURSORS_MAX or SLUICE_SUBSCRIPTION_MEMORY_BYTES.',
    read: (s) => s.refusedTotal,
  },
  {
    name: 'sluice_delivery_bytes_out_total',
    type: 'counter',
    help: 'Bytes of the JSON of delivered records.',
    read: (s) => s.bytesTotal,
  },
  {
    name: 'sluice_delivery_catch_up_reads_total',
    type: 'counter',
    help: 'Reads made for subscribers that were behind.',
    read: (s) => s.catchUpReadsTotal,
  },
  {
    name: 'sluice_delivery_catch_up_reads_shared_total',
    type: 'counter',
    help: 'Reads shared with one of another subscriber.',
    read: (s) => s.catchUpReadsSharedTotal,
  },
];
