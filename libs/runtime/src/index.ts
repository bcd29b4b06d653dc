export { AssertionError, assert, assertNever } from './assert.js';
export type { Clock, Random, Scheduler, Timer } from './clock.js';
export type { DirectoryEntry, FileHandle, FileLock, FileSystem } from './file-system.js';
export { type LogFields, type Logger, silentLogger } from './logger.js';
