import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Kind } from "../connections/connections.ts";
import type { Directory } from "../connections/directory.ts";
import type { Database } from "../database/connect.ts";
import type { Handler } from "../http/call.ts";
import { Refusal, type RefusalCode, refusalCodes } from "../http/refusal.ts";
import type { OnBatch } from "../players/playtimes.ts";
import { isSameText } from "../signature.ts";
import type { Steam } from "../steam.ts";
import { version } from "../version.ts";
import { astray, isAstray, type OnEnd } from "./observed.ts";
import {
  counter,
  createHistogram,
  type Family,
  gauge,
  histogram,
  type Sample,
  textOf,
  textType,
} from "./prometheus.ts";

/**
 * Every number that `GET /metrics` shows. Frequent events are counted here as they happen; the state of Steam and of the
 * database is asked for when somebody reads.
 */
export function createMetrics(): Metrics {
  const connections = new Map<string, Counts>();
  const strangers = { battlemetrics: noStrays(), script: noStrays() };
  const durations = {
    delivery: createHistogram(durationSeconds),
    query: createHistogram(durationSeconds),
    top: createHistogram(durationSeconds),
  };
  const batches = {
    deliveries: createHistogram(batchItems),
    "steam-answers": createHistogram(batchItems),
    queries: createHistogram(batchItems),
  };
  const loop = monitorEventLoopDelay({ resolution: loopMs });
  loop.enable();

  /** Zeros too, for every stored connection: only then does Prometheus see the first refusal as a rise. */
  function countsOf(kind: Kind, stored: ReturnType<Directory["stored"]>): Sample[] {
    const outcomes: Outcome[] = kind === "battlemetrics" ? ["accepted", "ignored", "paused"] : ["accepted"];
    const samples = stored
      .filter((connection) => connection.kind === kind)
      .flatMap(({ path }) => {
        const counts = connections.get(`${kind}/${path}`) ?? noCounts();
        return [
          ...outcomes.map((outcome) => ({ value: counts[outcome], labels: { connection: path, outcome } })),
          ...ofConnections.map((code) => ({
            value: counts[code],
            labels: { connection: path, outcome: "refused", code },
          })),
        ];
      });
    // Of a stored connection that is named so, there is no series with these codes.
    const strays = astray.map((code) => ({
      value: strangers[kind][code],
      labels: { connection: "unknown", outcome: "refused", code },
    }));
    return [...samples, ...strays];
  }

  function requests({ directory }: Sources): Family[] {
    const stored = directory.stored();
    const names = new Set(stored.map(({ kind, path }) => `${kind}/${path}`));
    for (const name of connections.keys()) if (!names.has(name)) connections.delete(name);
    return [
      counter("playtime_deliveries_total", "Deliveries of BattleMetrics.", countsOf("battlemetrics", stored)),
      counter(
        "playtime_queries_total",
        "Queries of scripts, for players and for the top list.",
        countsOf("script", stored),
      ),
      histogram(
        "playtime_request_duration_seconds",
        "From the head of a request to a stored connection to its answer.",
        durations,
        "request",
      ),
      histogram("playtime_batch_items", "How many shared one statement.", batches, "of"),
    ];
  }

  function runtime(): Family[] {
    const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const build = { version, node: process.version };
    const delays = { p50: loop.percentile(50), p99: loop.percentile(99), max: loop.max };
    loop.reset();
    return [
      gauge("playtime_build_info", "Always 1; the labels say what runs.", [{ value: 1, labels: build }]),
      gauge("process_start_time_seconds", "When it started, since 1970.", performance.timeOrigin / 1_000),
      counter("process_cpu_seconds_total", "Processor time, of the user and the system.", (user + system) / 1e6),
      gauge("process_resident_memory_bytes", "Memory of the process.", rss),
      gauge("nodejs_heap_size_used_bytes", "JavaScript's memory in use.", heapUsed),
      gauge("nodejs_heap_size_total_bytes", "JavaScript's memory taken.", heapTotal),
      gauge("nodejs_external_memory_bytes", "Memory of buffers and the like.", external),
      ...Object.entries(delays).map(([name, nanoseconds]) =>
        gauge(
          `nodejs_eventloop_lag_${name}_seconds`,
          "How late timers came since the last reading.",
          Math.max(0, nanoseconds / 1e9 - loopMs / 1_000),
        ),
      ),
    ];
  }

  return {
    onEnd: (kind, { facts }, end, durationMs) => {
      const outcome = end instanceof Refusal ? end.code : end;
      if (isAstray(outcome)) {
        strangers[kind][outcome] += 1;
        return;
      }
      const name = facts.connection ?? "";
      const counts = connections.get(name) ?? noCounts();
      if (!connections.has(name)) connections.set(name, counts);
      counts[outcome] += 1;
      const request = kind === "battlemetrics" ? "delivery" : facts.request === "top" ? "top" : "query";
      durations[request].observe(durationMs / 1_000);
    },
    onBatch: (of, items) => batches[of].observe(items),
    page: (token, sources) => (call) => {
      const given = /^Bearer +(\S+)$/i.exec(call.headers.authorization ?? "")?.[1];
      if (given === undefined || !isSameText(given, token))
        throw new Refusal("bad-token", { headers: { "www-authenticate": "Bearer" } });
      const families = [...requests(sources), ...steamFamilies(sources), ...databaseFamilies(sources), ...runtime()];
      return { status: 200, headers: { "content-type": textType }, body: textOf(families) };
    },
    stop: () => void loop.disable(),
  };
}

export type Metrics = {
  onEnd: OnEnd;
  onBatch: OnBatch;
  /** `GET /metrics`; throws the Refusal "bad-token". */
  page: (token: string, sources: Sources) => Handler;
  stop: () => void;
};

type Sources = {
  directory: Pick<Directory, "stored">;
  steam: Pick<Steam, "status">;
  database: Pick<Database, "status">;
};

const durationSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const batchItems = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];
/** How often the delay of the event loop is measured. */
const loopMs = 20;

type Outcome = "accepted" | "ignored" | "paused" | RefusalCode;
type Counts = Record<Outcome, number>;

/** The refusals that belong to a stored connection. */
const ofConnections = refusalCodes.filter((code) => !["not-found", "bad-token", ...astray].includes(code));

const noStrays = () => ({ "unknown-path": 0, "method-not-allowed": 0 });

function noCounts(): Counts {
  const refused = Object.fromEntries(refusalCodes.map((code) => [code, 0])) as Record<RefusalCode, number>;
  return { accepted: 0, ignored: 0, paused: 0, ...refused };
}

function steamFamilies({ steam }: Sources): Family[] {
  const { breaker, ended, dropped, waiting, callsToday, callsPerDay } = steam.status();
  return [
    counter("playtime_steam_calls_total", "Calls to Steam that have ended.", samplesOf(ended, "result")),
    counter("playtime_steam_calls_dropped_total", "Calls that were not made: limits, breaker, too late.", dropped),
    gauge("playtime_steam_calls_waiting", "Calls that wait for their turn.", waiting),
    gauge("playtime_steam_calls_today", "Calls of this day, in UTC, of all services on this database.", callsToday),
    gauge("playtime_steam_calls_per_day", "The most calls of a day, [STEAM] CALLS_PER_DAY.", callsPerDay),
    gauge(
      "playtime_steam_breaker",
      "1 for the state it is in: closed (Steam is asked), open (it is not), probing (the next call decides).",
      ["closed", "open", "probing"].map((state) => ({ value: state === breaker ? 1 : 0, labels: { state } })),
    ),
  ];
}

function databaseFamilies({ database }: Sources): Family[] {
  const { isUp, connections, active, statements, busySeconds, failures, renewals } = database.status();
  return [
    gauge("playtime_database_up", "1 when the last statement worked.", isUp ? 1 : 0),
    gauge("playtime_database_connections", "The most connections that are opened.", connections),
    gauge("playtime_database_statements_active", "Statements under way; more than connections: some wait.", active),
    counter("playtime_database_statements_total", "Statements that have ended.", statements),
    counter("playtime_database_statement_seconds_total", "Time that they took, waiting and retries in.", busySeconds),
    counter("playtime_database_failures_total", "Tries that failed.", samplesOf(failures, "reason")),
    counter("playtime_database_pool_renewals_total", "Times that all connections were made anew.", renewals),
  ];
}

function samplesOf(numbers: Record<string, number>, label: string): Sample[] {
  return Object.entries(numbers).map(([name, value]) => ({ value, labels: { [label]: name } }));
}
