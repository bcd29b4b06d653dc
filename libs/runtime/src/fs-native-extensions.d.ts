/** The part of the package that is used here; it has no types of its own. */
declare module 'fs-native-extensions' {
  /** Locks the whole file exclusively; false when another open file description holds a lock. */
  export function tryLock(descriptor: number): boolean;
  export function unlock(descriptor: number): void;
}
