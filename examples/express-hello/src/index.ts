import { runPlugin } from "temps-plugin";
import { plugin } from "./plugin.js";

await runPlugin(plugin);
