/**
 * Error codes of an operating system that has no descriptors or memory left, or was interrupted.
 */
const SHORTAGE_CODES: ReadonlySet<string | undefined> = new Set([
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'EINTR',
  'EAGAIN',
]);

/** True when a call failed because the disk, or the quota of this user, is full. */
export function isDiskFull(error: unknown): boolean {
  return isCaused(error, (code) => code === 'ENOSPC' || code === 'EDQUOT');
}

/** True when a call failed because the disk could not read or write (EIO). */
export function isDiskFailure(error: unknown): boolean {
  return isCaused(error, (code) => code === 'EIO');
}

/**
 * True when a call failed because the operating system was short of file descriptors or memory, or
 * was interrupted. The call had no effect, the disk is not the cause, and a later try may succeed.
 */
export function isShortage(error: unknown): boolean {
  return isCaused(error, (code) => SHORTAGE_CODES.has(code));
}

/**
 * True when a call failed for a shortage before fsync was called, for example on a directory that
 * could not be opened. A shortage that fsync itself reports leaves the state of the disk unknown.
 */
export function isShortageBeforeSync(error: unknown): boolean {
  return isShortage(error) && !isOfSync(error);
}

/** True when a call failed because no file descriptor was free, in the process or in the system. */
export function isOutOfDescriptors(error: unknown): boolean {
  return isCaused(error, (code) => code === 'EMFILE' || code === 'ENFILE');
}

/** Tests the code of an error and of the errors that it wraps. */
function isCaused(error: unknown, isThat: (code: string | undefined) => boolean): boolean {
  if (!(error instanceof Error)) return false;
  return isThat((error as NodeJS.ErrnoException).code) || isCaused(error.cause, isThat);
}

function isOfSync(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { syscall } = error as NodeJS.ErrnoException;
  return syscall === 'fsync' || syscall === 'fdatasync' || isOfSync(error.cause);
}
