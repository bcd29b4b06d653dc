/** Where the fake disk can be made to fail or to crash: every call of the port. */
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
  /** Only where the path contains this. */
  readonly path?: string;
  /** Not where the path contains this. */
  readonly exceptPath?: string;
  /** So many calls go well first, 0 unless told. */
  readonly afterCalls?: number;
  /** How many calls fail, 1 unless told. */
  readonly times?: number;
  /** A `writev` writes so many bytes before it fails, 0 unless told. */
  readonly afterBytes?: number;
}

/** What happens to one call. */
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

/** The faults that a test has asked for and that have not happened yet. */
export class Faults {
  #waiting: WaitingFault[] = [];

  add(point: FaultPoint, code: FaultCode, options: FaultOptions): void {
    const { times: timesLeft = 1, afterCalls: callsFirst = 0 } = options;
    this.#waiting.push({ point, code, options, callsFirst, timesLeft });
  }

  clear(): void {
    this.#waiting = [];
  }

  /** Faults that have not happened yet, or not as often as they should. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** The fault that happens to this call; it is used up by being taken. */
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
    if (fault.timesLeft <= 0) this.#waiting = this.#waiting.filter((other) => other !== fault);
    const error = errnoError(fault.code, systemCall(point, fault.code), path);
    return { error, afterBytes: fault.options.afterBytes ?? 0 };
  }
}

/** The call of the system that fails. Without a descriptor a directory cannot even be opened. */
function systemCall(point: FaultPoint, code: FaultCode): string {
  if (point === 'datasync') return 'fdatasync';
  if (point !== 'syncDirectory') return point;
  return ['EMFILE', 'ENFILE', 'ENOMEM', 'EINTR'].includes(code) ? 'open' : 'fsync';
}

/** An error as Node's file system functions reject with. */
export function errnoError(code: string, syscall: string, path: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`${code}: ${syscall} '${path}'`);
  error.code = code;
  error.syscall = syscall;
  error.path = path;
  return error;
}
