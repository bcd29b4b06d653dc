import { Counter } from 'prom-client';

/**
 * Counts refusals because of an exceeded bound, by the setting of the bound.
 * @param totals returns the refusals by setting, since the start of the process
 */
export function boundRefusalsCounter(totals: () => ReadonlyMap<string, number>): Counter {
  return new Counter({
    name: 'sluice_bound_refusals_total',
    help: 'Requests, messages and lines refused because they exceed a bound, by its setting.',
    labelNames: ['bound'],
    registers: [],
    collect() {
      this.reset();
      for (const [bound, total] of totals()) this.inc({ bound }, total);
    },
  });
}
