/** The light classes in the place of Node's own. */

import { inherit, LightRequest } from "./request.js";
import { LightResponse } from "./response.js";
import { realRequest, replace } from "./web.js";

let installed = false;

/** Puts them there, once: routers make their responses by the global name. */
export function installLightClasses(): void {
  if (installed) return;
  installed = true;
  replace("Request", makeRequest);
  replace("Response", () => LightResponse);
}

/** Node's `Request`, which takes a light one for its first argument, too. */
function makeRequest(): unknown {
  const Real = realRequest();
  return class Request extends Real {
    static override [Symbol.hasInstance](value: unknown): boolean {
      return LightRequest.is(value) || value instanceof Real;
    }

    constructor(input: string | URL | globalThis.Request, init?: RequestInit) {
      super(LightRequest.real(input) as string, init);
      inherit(this, input);
    }
  };
}
