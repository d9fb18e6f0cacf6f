import { watchFile } from "node:fs";
import { readArguments, UsageProblem } from "./arguments.ts";
import { type Config, ConfigProblem, defaultFile, readConfig } from "./config.ts";
import { DatabaseProblem } from "./database/problem.ts";
import { errorCode } from "./error-code.ts";
import { setGarbageCollection } from "./garbage.ts";
import { isUnsafePort } from "./http/unsafe-ports.ts";
import { lineWriter } from "./lines.ts";
import { createLog, type Log, logLine } from "./log.ts";
import { program } from "./program.ts";
import { type Service, startService } from "./service.ts";
import { version } from "./version.ts";
import { visibleLines } from "./visible.ts";

const usage = `Usage: npm start -- [--config FILE]    starts the service
       npm start -- --version | --help`;

/** Starts, says how it stands, and stops on SIGTERM or SIGINT. Exit codes: 0 stopped, 1 a problem, 2 a wrong call. */
async function main(): Promise<void> {
  setGarbageCollection();
  const options = readOptions();
  const read = () => readConfig({ file: options.config, env: process.env });
  const config = await read();
  const readable = process.stdout.isTTY;
  const say = lineWriter(process.stdout, (lines) =>
    logLine({ readable }, "warn", "lines of the log could not be written and are missing", { lines }),
  );
  const log = createLog({ level: config.LOG.LEVEL, readable, write: say });
  // Words on a stream that nobody can write to are lost; the exit code still tells.
  process.stderr.on("error", () => {});
  // A bug whose end nobody waited for: stopping would hurt everybody else.
  process.on("unhandledRejection", (error) => log.error("a bug: an unhandled error", { error, withStack: true }));

  const starting = startService({
    config,
    log,
    onGone: () => giveUp("The embedded database keeps stopping; the log says why."),
  });
  stopOnSignal(starting, log);
  announce(await starting, log, say);
  followFile(config.file ?? defaultFile, read, log);
}

function readOptions(): { config?: string } {
  try {
    const { values } = readArguments({
      options: { config: { type: "string" }, version: { type: "boolean" }, help: { type: "boolean", short: "h" } },
    });
    if (values.version || values.help) {
      process.stdout.write(values.help ? `${usage}\n` : `${version}\n`);
      process.exit(0);
    }
    return values.config === undefined ? {} : { config: values.config };
  } catch (error) {
    if (!(error instanceof UsageProblem)) throw error;
    process.stderr.write(`${error.message}\n${usage}\n`);
    process.exit(2);
  }
}

function stopOnSignal(starting: Promise<Service>, log: Log): void {
  let stopping = false;
  let started: Service | undefined;
  starting.then(
    (service) => {
      started = service;
    },
    () => {},
  );
  const stop = async (signal: string) => {
    if (stopping) process.exit(1);
    stopping = true;
    if (!started) {
      // Nobody is served yet, and a database of our own ends when we do.
      log.info("stopped before it was ready", { signal });
      process.exit(0);
    }
    log.info("stopping: running requests are finished; a second signal stops at once", { signal });
    try {
      await started.stop();
      process.exit(0);
    } catch (error) {
      giveUp(wordsOf(error));
    }
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

/** A container that ends is started again, so there a changed config file takes effect by itself; elsewhere we say it. */
function followFile(file: string, read: () => Promise<Config>, log: Log): void {
  watchFile(file, { interval: 2_000, persistent: false }, async (now, before) => {
    if (now.mtimeMs === before.mtimeMs) return;
    try {
      await read();
    } catch (error) {
      return log.error("the config file was changed and is wrong: the old settings stay in use", { error });
    }
    if (process.pid !== 1) return log.warn("the config file was changed: restart the service to use it", { file });
    log.info("the config file was changed: restarting to use it", { file });
    process.kill(process.pid, "SIGTERM");
  });
}

/** What an operator wants to know first: lines for a person, one event for a log. */
function announce({ port, database, config, firstVisit }: Service, log: Log, say: (text: string) => void): void {
  const { SERVER, STEAM } = config;
  const isOpen = ["", "0.0.0.0", "::"].includes(SERVER.HOST);
  const host = isOpen ? "localhost" : SERVER.HOST.includes(":") ? `[${SERVER.HOST}]` : SERVER.HOST;
  const url = `http://${host}:${port}`;
  // In a container our own port is not the one that others reach.
  const outside = SERVER.PUBLIC_URL.replace(/\/+$/, "") || url;
  const facts = {
    listening: `${url}${isOpen ? ", on all addresses of this machine" : ""}`,
    panel: config.ADMIN.ENABLED ? `${outside}/admin/` : "switched off",
    database: database.description,
    steam: STEAM.KEY ? `asked at ${new URL(STEAM.API_URL).host}` : "not asked, there is no key",
    config: config.file ?? `no file yet, every setting has its default: see ${exampleFile}`,
  };
  const next = `${program} connections add battlemetrics my-server`;
  if (!process.stdout.isTTY) log.info("ready", { version, ...facts, next });
  else {
    const lines = Object.entries({ ...facts, next: `add a connection: ${next}` });
    say(`\nPlaytime-Service ${version}\n${lines.map(([name, words]) => `  ${name.padEnd(10)} ${words}\n`).join("")}\n`);
  }
  if (firstVisit !== undefined)
    log.info(`Set the password of the panel: open ${outside}${firstVisit} (${firstVisitWords}).`);
  if (isUnsafePort(port)) log.warn(refusedPort(port));
  if (process.execArgv.includes("tsx")) log.warn(sharedCacheWords);
  for (const warning of warnings(config)) log.warn(warning);
  for (const remark of config.remarks) log.info(remark);
}

const exampleFile = "configs/playtime/config-example.toml";
const firstVisitWords = "the link works for 24 hours, until a password is set or the service restarts";

const sharedCacheWords =
  "Started by --import tsx, which runs code from the shared temp folder, where other users may have put it first. Use --import ./src/typescript.mjs instead, as the manual's systemd unit does.";

function warnings({ HMAC, STEAM }: Config): string[] {
  const deviation = HMAC.TIMESTAMP_DEVIATION;
  return [
    STEAM.KEY
      ? ""
      : "Until [STEAM] KEY is set, no player gets a Steam time. A key is free: https://steamcommunity.com/dev/apikey",
    HMAC.ENABLE
      ? ""
      : "SIGNATURES ARE NOT CHECKED: anybody can write and read times. Set [HMAC] ENABLE = true before real use.",
    deviation < 60
      ? `[HMAC] TIMESTAMP_DEVIATION = ${deviation} refuses repeated deliveries and senders whose clock drifts; 300 is usual.`
      : "",
  ].filter((warning) => warning !== "");
}

const refusedPort = (port: number) =>
  `Browsers and many programs refuse to connect to port ${port}: set another [SERVER] PORT, such as 8000.`;

function giveUp(words: string): never {
  process.stderr.write(`${visibleLines(words)}\n`);
  process.exit(1);
}

function wordsOf(error: unknown): string {
  if (error instanceof ConfigProblem || error instanceof DatabaseProblem) return error.message;
  if (!(error instanceof Error)) return String(error);
  const code = errorCode(error);
  if (code === "EADDRINUSE")
    return `${error.message}. Another program uses this port: stop it, or set another [SERVER] PORT.`;
  if (code === "EACCES")
    return `${error.message}. Ports below 1024 need rights that this user lacks: set another [SERVER] PORT.`;
  if (code === "EADDRNOTAVAIL")
    return `${error.message}. This machine does not have this address: correct [SERVER] HOST.`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return `${error.message}. No address is known for this name: set [SERVER] HOST to an address of this machine, or leave it empty for all.`;
  return error.stack ?? error.message;
}

main().catch((error) => giveUp(wordsOf(error)));
