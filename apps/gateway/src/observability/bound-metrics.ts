import { Counter } from 'prom-client';
import { boundRefusals } from '../shared/bound-refusals.js';

/** Counts refusals because of an exceeded bound, by the setting of the bound. */
export function boundRefusalsCounter(): Counter {
  return new Counter({
    name: 'sluice_bound_refusals_total',
    help: 'Requests, messages and lines refused because they exceed a bound, by its setting.',
    labelNames: ['bound'],
    registers: [],
    collect() {
      this.reset();
      for (const [bound, total] of boundRefusals.totals) this.inc({ bound }, total);
    },
  });
}
