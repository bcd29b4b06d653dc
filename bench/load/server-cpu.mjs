import { readdirSync, readFileSync } from 'node:fs';

/**
 * CPU time that the running threads of a process have used, ms; NaN where /proc does not tell. It
 * is exact, unlike the ticks of /proc/PID/stat, which are 10 ms long.
 *
 * @param {number} pid
 */
function cpuMsOf(pid) {
  try {
    let nanoseconds = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const [used] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
      nanoseconds += Number(used);
    }
    return nanoseconds / 1e6;
  } catch {
    return Number.NaN;
  }
}

/** CPU time of the server that is loaded, between `begin` and `end`. */
export class ServerCpu {
  /** @param {number | undefined} pid undefined if nobody asks for it */
  constructor(pid) {
    this.pid = pid;
    this.beganMs = 0;
    this.endedMs = 0;
  }

  begin() {
    if (this.pid !== undefined) this.beganMs = cpuMsOf(this.pid);
  }

  end() {
    if (this.pid !== undefined) this.endedMs = cpuMsOf(this.pid);
  }

  /** Undefined if nobody asked for it, or it is not known. */
  get usedMs() {
    const usedMs = this.endedMs - this.beganMs;
    return this.pid === undefined || Number.isNaN(usedMs) ? undefined : usedMs;
  }
}
