// Exits with 0 if the server in this container is alive, else with 1. The image has no curl.
const url = `http://127.0.0.1:${process.env.PORT || 4000}/health`;
const isAlive = await fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
  ({ ok }) => ok,
  () => false,
);
process.exitCode = isAlive ? 0 : 1;
