// Starts dist/main.js on a database of its own, asks /readyz and for the panel, and stops it.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "playtime-smoke-"));
const env = {
  ...process.env,
  PLAYTIME_SERVER_HOST: "127.0.0.1",
  PLAYTIME_SERVER_PORT: "0",
  PLAYTIME_SERVER_DATA_DIR: join(folder, "data"),
};
const service = spawn(process.execPath, ["dist/main.js"], { env, stdio: ["ignore", "pipe", "inherit"] });
let text = "";
const ready = new Promise((resolve, reject) => {
  service.stdout.on("data", (part) => {
    text += part;
    const listening = /"listening":"([^"]+)"/.exec(text)?.[1];
    if (listening) resolve(listening);
  });
  service.on("exit", (code) => reject(new Error(`ended with ${code}: ${text}`)));
  setTimeout(() => reject(new Error(`not ready within 60 s: ${text}`)), 60_000).unref();
});
try {
  // The panel's style and script are files beside the compiled code.
  for (const path of ["/readyz", "/admin/sign-in/"]) {
    const { status } = await fetch((await ready) + path);
    if (status !== 200) throw new Error(`${path} answered ${status}`);
  }
  const ended = new Promise((resolve) => service.on("exit", resolve));
  service.kill("SIGTERM");
  if ((await ended) !== 0) throw new Error("it did not stop with exit code 0");
  console.log("compiled service: ready, the panel too, and stopped with exit code 0");
} finally {
  service.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
