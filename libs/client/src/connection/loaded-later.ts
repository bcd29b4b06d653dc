type Method = (this: unknown, ...parameters: readonly never[]) => unknown;

/**
 * Returns an object whose methods wait for the real one, whose module is still being loaded. The
 * calls arrive in their order. A module that cannot be loaded is reported once; later calls then
 * have no effect.
 */
export function loadedLater<T extends object>(
  loading: Promise<T>,
  methods: readonly (keyof T)[],
  failed: (error: unknown) => void,
): T {
  let loaded: T | undefined;
  const load = async (): Promise<void> => {
    try {
      loaded = await loading;
    } catch (error) {
      failed(error);
    }
  };
  const real = load();
  const call = (method: keyof T, parameters: readonly never[]): unknown =>
    (loaded?.[method] as Method | undefined)?.call(loaded, ...parameters);
  const forward = (method: keyof T): Method => {
    return (...parameters) =>
      loaded === undefined ? real.then(() => call(method, parameters)) : call(method, parameters);
  };
  return Object.fromEntries(methods.map((method) => [method, forward(method)])) as T;
}
