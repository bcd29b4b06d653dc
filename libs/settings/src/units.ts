export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
export const INT32_MAX = 2 ** 31 - 1;
/** Longest delay that a Node timer accepts. */
export const TIMER_MS_MAX = 2 ** 31 - 1;
