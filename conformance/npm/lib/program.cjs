"use strict";

// Where the runner is: in the package for this system, which npm installs beside this one.

const { name, optionalDependencies = {} } = require("../package.json");

/** The path of the runner. Throws an error that says what to do when it is not installed. */
function program() {
  const system = `${process.platform}-${process.arch}`;
  const wanted = `${name}-${system}`;
  try {
    return require.resolve(`${wanted}/bin/${name}`);
  } catch (cause) {
    const known = Object.keys(optionalDependencies);
    const remedy = known.includes(wanted)
      ? "install again without --omit=optional"
      : `there is none; there are ${known.join(", ")}. Use \`cargo install ${name}\` instead`;
    throw new Error(`the package ${wanted} is needed on this system: ${remedy}`, { cause });
  }
}

module.exports = { program };
