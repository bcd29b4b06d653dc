/** A series of /metrics that is read off the status of a part, when it is asked for. */
export interface StatusSeries<Status> {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly read: (status: Status) => number;
}
