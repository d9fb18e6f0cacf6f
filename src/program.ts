/** How a person calls our commands: compiled, we are in a container. */
export const program = import.meta.url.endsWith(".js") ? "docker compose exec playtime playtime" : "npm run cli --";
