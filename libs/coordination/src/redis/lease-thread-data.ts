/** What the lease thread is started with. It is handed over in the memory of the process. */
export interface LeaseThreadData {
  /** With its credentials: see redis-url.ts. */
  readonly url: string;
  readonly clusterId: string;
  readonly brokerId: number;
  readonly intervalMs: number;
  readonly loopSilenceMaxMs: number;
  /** Memory of the `LeaseBoard`. */
  readonly memory: SharedArrayBuffer;
}
