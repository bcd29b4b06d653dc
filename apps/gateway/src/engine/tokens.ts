/** Injection tokens of values that have no class of their own. */
export const SETTINGS = Symbol('Settings');
export const LOGGER = Symbol('ProcessLogger');
export const OPEN_BROKER = Symbol('OpenBroker');
