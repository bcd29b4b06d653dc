/** Injection tokens of what has no class of its own. */
export const SETTINGS = Symbol('Settings');
export const LOGGER = Symbol('ProcessLogger');
export const OPEN_BROKER = Symbol('OpenBroker');
