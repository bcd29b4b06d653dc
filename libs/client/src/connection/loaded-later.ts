import { closedError } from '../sluice-error.js';
import { observed } from '../waiting.js';

interface Closable {
  close(): Promise<void>;
}

type Method = (...parameters: readonly unknown[]) => unknown;

/** A call that waits for the real object. */
interface WaitingCall {
  readonly make: (real: Readonly<Record<string, Method>>) => void;
  readonly refuse: (error: unknown) => void;
}

/**
 * Returns an object whose methods wait for the real one, whose module is still being loaded. The
 * calls arrive in their order. A module that cannot be loaded is reported once, and refuses the
 * calls. When it is closed meanwhile, the real one is never made.
 * @param loading resolves with the function that makes the real one
 */
export function loadedLater<T extends Closable>(
  loading: Promise<() => T>,
  methods: readonly Exclude<keyof T, 'close'>[],
  failed: (error: unknown) => void,
): T {
  const later: Record<string, Method> = {};
  let waiting: WaitingCall[] = [];
  let refusal: { readonly error: unknown } | undefined;
  const refuseAll = (error: unknown): void => {
    refusal = { error };
    for (const { refuse } of waiting) refuse(error);
    waiting = [];
  };
  for (const name of methods as readonly string[]) {
    later[name] = (...parameters) =>
      observed(
        new Promise((resolve, reject) => {
          if (refusal !== undefined) reject(refusal.error);
          else {
            waiting.push({
              make: (real) => resolve(real[name]?.(...parameters)),
              refuse: reject,
            });
          }
        }),
      );
  }
  later['close'] = () => {
    refuseAll(closedError('client'));
    return Promise.resolve();
  };
  const load = async (): Promise<void> => {
    try {
      const make = await loading;
      if (refusal !== undefined) return;
      const real = make() as unknown as Readonly<Record<string, Method>>;
      for (const name of Object.keys(later)) later[name] = (...all) => real[name]?.(...all);
      for (const call of waiting) call.make(real);
    } catch (error) {
      if (refusal !== undefined) return;
      refuseAll(error);
      failed(error);
    }
  };
  void load();
  return later as unknown as T;
}
