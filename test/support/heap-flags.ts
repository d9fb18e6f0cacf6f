import { readFileSync } from "node:fs";

const dockerfile = readFileSync(new URL("../../Dockerfile", import.meta.url), "utf8");

/** With what the image, `npm start` and the systemd unit run Node. */
export const heapFlags = /NODE_OPTIONS="([^"]+)"/.exec(dockerfile)?.[1]?.split(" ") ?? [];
