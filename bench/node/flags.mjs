/** What follows `--name=` on the command line. */
export function flag(name) {
  const start = `--${name}=`;
  const word = process.argv.find((argument) => argument.startsWith(start));
  if (word === undefined) {
    throw new Error(`${start}… is missing`);
  }
  return word.slice(start.length);
}
