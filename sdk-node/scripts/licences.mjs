// npm packs no file from outside the package: the licences of the repository are copied beside it.
import { copyFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
for (const name of ["LICENSE-APACHE", "LICENSE-MIT"]) {
  copyFileSync(join(root, "..", name), join(root, name));
}
