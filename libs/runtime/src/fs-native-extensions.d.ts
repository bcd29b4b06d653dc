/** The functions of the package that are used here; the package ships no types. */
declare module 'fs-native-extensions' {
  /** Locks the whole file exclusively; false when another open file description holds a lock. */
  export function tryLock(descriptor: number): boolean;
  export function unlock(descriptor: number): void;

  /** Waits until the whole file is locked; blocks the thread. */
  export function waitForLockSync(fd: number): void;
}
