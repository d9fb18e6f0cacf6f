/** How a person calls our commands: compiled into dist, we are in a container. */
export const program = import.meta.url.endsWith("/dist/program.js")
  ? "docker compose exec playtime playtime"
  : "npm run cli --";
