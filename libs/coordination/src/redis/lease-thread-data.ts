/** Start data of the lease thread, passed within the process's memory. */
export interface LeaseThreadData {
  /** URL of Redis with its credentials: see redis-url.ts. */
  readonly url: string;
  readonly clusterId: string;
  readonly brokerId: number;
  readonly intervalMs: number;
  readonly loopSilenceMaxMs: number;
  /** Memory of the `LeaseBoard`. */
  readonly memory: SharedArrayBuffer;
}
