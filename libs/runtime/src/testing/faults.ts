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

export type FaultCode = 'ENOSPC' | 'EIO' | 'EMFILE' | 'EACCES';

export interface FaultOptions {
  /** Only where the path contains this. */
  readonly path?: string;
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

/** The faults that a test has asked for and that have not happened yet. */
export class Faults {
  #waiting: { point: FaultPoint; code: FaultCode; options: FaultOptions; timesLeft: number }[] = [];

  add(point: FaultPoint, code: FaultCode, options: FaultOptions): void {
    this.#waiting.push({ point, code, options, timesLeft: options.times ?? 1 });
  }

  clear(): void {
    this.#waiting = [];
  }

  /** The fault that happens to this call; it is used up by being taken. */
  take(point: FaultPoint, path: string): Fault | undefined {
    const fault = this.#waiting.find(
      (waiting) => waiting.point === point && path.includes(waiting.options.path ?? ''),
    );
    if (fault === undefined) return undefined;
    fault.timesLeft -= 1;
    if (fault.timesLeft <= 0) this.#waiting = this.#waiting.filter((other) => other !== fault);
    const error = errnoError(fault.code, point, path);
    return { error, afterBytes: fault.options.afterBytes ?? 0 };
  }
}

/** An error as Node's file system functions reject with. */
export function errnoError(code: string, syscall: string, path: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`${code}: ${syscall} '${path}'`);
  error.code = code;
  error.syscall = syscall;
  error.path = path;
  return error;
}
