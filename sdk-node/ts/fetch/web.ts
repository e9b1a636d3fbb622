/**
 * Node's own `Request` and `Response`. Looking at them loads Node's whole implementation of `fetch`,
 * which takes as long as starting Node does, so it is put off until something needs them.
 */

type Name = "Request" | "Response";

/** A class of Node's, loaded when it is first asked for, whatever stands under its name by then. */
function own<T>(name: Name): () => T {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, name);
  let found: T | undefined;
  return () => {
    if (found === undefined) {
      const present = Object.getOwnPropertyDescriptor(globalThis, name);
      found = (descriptor?.get ? descriptor.get.call(globalThis) : descriptor?.value) as T;
      // Node's getter has put the class under its name by itself.
      if (present !== undefined) Object.defineProperty(globalThis, name, present);
    }
    return found;
  };
}

export const realRequest = own<typeof globalThis.Request>("Request");
export const realResponse = own<typeof globalThis.Response>("Response");

/** Puts another class under the name; `make` is called when somebody asks for it. */
export function replace(name: Name, make: () => unknown): void {
  Object.defineProperty(globalThis, name, {
    configurable: true,
    enumerable: false,
    get() {
      const value = make();
      put(name, value);
      return value;
    },
    set: (value: unknown) => put(name, value),
  });
}

function put(name: Name, value: unknown): void {
  Object.defineProperty(globalThis, name, {
    configurable: true,
    enumerable: false,
    value,
    writable: true,
  });
}
