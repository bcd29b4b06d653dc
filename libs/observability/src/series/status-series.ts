/** A series of /metrics that is read from the status of a part on each scrape. */
export interface StatusSeries<Status> {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly read: (status: Status) => number;
}
