/** What the module `temps-plugin/testing` takes from the module `temps-plugin`, of which there is one. */

import { realResponse } from "./fetch/web.js";
import { native } from "./native.js";
import { prepare } from "./run.js";

export const shared = { native, prepare, realResponse };
