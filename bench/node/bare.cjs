/** The smallest server on node:http, idle, on the socket after `--socket-path`. */

const { createServer } = require("node:http");

createServer((_req, res) => res.end("Hello")).listen(
  process.argv[process.argv.indexOf("--socket-path") + 1],
  () => console.log("listening"),
);
