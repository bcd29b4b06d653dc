/** The points at which the fake disk can fail or crash: every call of the port. */
export const FAULT_POINTS = [
  'open',
  'readFile',
  'readDirectory',
  'makeDirectory',
  'rename',
  'removeFile',
  'removeDirectory',
  'fileSize',
  'modifiedMs',
  'syncDirectory',
  'tryLock',
  'read',
  'writev',
  'truncate',
  'datasync',
  'sizeBytes',
  'close',
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];

export type FaultCode = 'ENOSPC' | 'EIO' | 'EACCES' | 'EMFILE' | 'ENFILE' | 'ENOMEM' | 'EINTR';

export interface FaultOptions {
  /** The fault applies only to paths that contain this text. */
  readonly path?: string;
  /** The fault does not apply to paths that contain this text. */
  readonly exceptPath?: string;
  /** Number of calls that succeed first; default 0. */
  readonly afterCalls?: number;
  /** Number of calls that fail; default 1. */
  readonly times?: number;
  /** Bytes that a `writev` writes before it fails; default 0. */
  readonly afterBytes?: number;
}

/** The fault of one call. */
export interface Fault {
  readonly error: Error;
  readonly afterBytes: number;
}

interface WaitingFault {
  readonly point: FaultPoint;
  readonly code: FaultCode;
  readonly options: FaultOptions;
  callsFirst: number;
  timesLeft: number;
}

/** The faults that a test has requested and that have not happened yet. */
export class Faults {
  #waiting: WaitingFault[] = [];

  add(point: FaultPoint, code: FaultCode, options: FaultOptions): void {
    const { times: timesLeft = 1, afterCalls: callsFirst = 0 } = options;
    this.#waiting.push({ point, code, options, callsFirst, timesLeft });
  }

  clear(): void {
    this.#waiting = [];
  }

  /** Number of requested faults that have not happened as often as requested. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes the fault of this call, which then counts as used. */
  take(point: FaultPoint, path: string): Fault | undefined {
    const fault = this.#waiting.find((waiting) => {
      const { path: part = '', exceptPath } = waiting.options;
      const isExcepted = exceptPath !== undefined && path.includes(exceptPath);
      return waiting.point === point && path.includes(part) && !isExcepted;
    });
    if (fault === undefined) return undefined;
    if (fault.callsFirst > 0) {
      fault.callsFirst -= 1;
      return undefined;
    }
    fault.timesLeft -= 1;
    if (fault.timesLeft <= 0) {
      this.#waiting = this.#waiting.filter((candidate) => candidate !== fault);
    }
    const error = errnoError(fault.code, systemCall(point, fault.code), path);
    return { error, afterBytes: fault.options.afterBytes ?? 0 };
  }
}

/** The system call that fails. Without a free descriptor a directory cannot even be opened. */
function systemCall(point: FaultPoint, code: FaultCode): string {
  if (point === 'datasync') return 'fdatasync';
  if (point !== 'syncDirectory') return point;
  return ['EMFILE', 'ENFILE', 'ENOMEM', 'EINTR'].includes(code) ? 'open' : 'fsync';
}

/** An error like those of Node's file system functions. */
export function errnoError(code: string, syscall: string, path: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`${code}: ${syscall} '${path}'`);
  error.code = code;
  error.syscall = syscall;
  error.path = path;
  return error;
}
