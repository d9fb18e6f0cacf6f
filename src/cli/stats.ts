import { stateWords } from "../admin/state-words.ts";
import { en } from "../admin/texts/en.ts";
import { connectionsIn } from "../connections/connections.ts";
import { isEmbedded } from "../database/open.ts";
import { histogramHours, statisticsIn } from "../players/statistics.ts";
import { standingsOf } from "../watch/health.ts";
import { activityIn } from "../watch/read.ts";
import { spansOf, startOf } from "../watch/spans.ts";
import { type Warning, warningsOf } from "../watch/warnings.ts";
import { type Command, type Context, table } from "./command.ts";

export const statsCommands: Record<string, Command> = {
  stats: {
    args: "",
    summary: "show players, the last 24 hours of each connection, and warnings",
    printsJson: true,
    run: stats,
  },
};

const newestPlayers = 5;

async function stats({ open, inForce, options, print }: Context): Promise<void> {
  const database = await open();
  const config = await inForce();
  const now = new Date();
  const statistics = statisticsIn(database);
  const activity = activityIn(database);
  const totals = await statistics.totals();
  const newest = await statistics.newest(newestPlayers);
  const counts = await activity.hourly(startOf("24h", now));
  const summaries = await activity.summaries();
  const connections = await connectionsIn(database).list();
  const steamCallsToday = await activity.steamCallsToday();
  const warnings = warningsOf({ config, connections, summaries, steam: undefined, now });
  const ofDay = standingsOf(connections, summaries, now).map((standing) => {
    const { kind, path, enabled } = standing.connection;
    const {
      accepted = 0,
      ignored = 0,
      paused = 0,
      refused = 0,
      acceptedAt = null,
      refusedAt = null,
      refusedCode = null,
    } = standing.summary ?? {};
    const counts = { accepted, ignored, paused, refused };
    return { kind, path, enabled, state: standing.state, ...counts, acceptedAt, refusedAt, refusedCode, standing };
  });
  const strangers = summaries
    .filter(({ path, refused }) => path === "" && refused > 0)
    .map(({ kind, refused, refusedAt, refusedReason }) => ({ kind, refused, refusedAt, asked: refusedReason }));
  if (options["json"]) {
    const hours = {
      deliveries: spansOf("battlemetrics", counts, "24h", now),
      queries: spansOf("script", counts, "24h", now),
    };
    const said = warnings.map((warning) => warningLine(warning));
    return print(
      JSON.stringify(
        {
          ...totals,
          histogramHours,
          steamCallsToday,
          connections: ofDay.map(({ standing: _, ...one }) => one),
          strangers,
          hours,
          newest,
          warnings: said,
        },
        null,
        2,
      ),
    );
  }
  for (const warning of warnings) print(`! ${warningLine(warning)}`);
  if (warnings.length > 0) print("");
  print(`players   ${totals.isEstimate ? "about " : ""}${totals.players.toLocaleString("en")}`);
  print(
    `database  ${(totals.databaseBytes / 2 ** 20).toFixed(0)} MB, PostgreSQL ${totals.postgresVersion}, ${isEmbedded(config) ? "its own" : "your server"}`,
  );
  print(
    `steam     ${steamCallsToday.toLocaleString("en")} calls today of ${config.STEAM.CALLS_PER_DAY.toLocaleString("en")}`,
  );
  print("");
  print(
    table(
      ["CONNECTION", "STATE", "ACCEPTED 24 H", "IGNORED", "REFUSED", "LAST ACCEPTED", "LAST REFUSED"],
      ofDay.map((one) => [
        `${one.kind} ${one.path}`,
        stateWords(en, one.standing),
        String(one.accepted),
        String(one.ignored),
        String(one.refused),
        one.acceptedAt ?? "never",
        one.refusedAt === null ? "never" : `${one.refusedAt} ${one.refusedCode}`,
      ]),
    ),
  );
  for (const { kind, refused, refusedAt, asked } of strangers)
    print(
      `${refused} ${kind} ${refused === 1 ? "request" : "requests"} in 24 hours had a wrong address, or did not use POST. The last one: ${refusedAt}, ${asked}`,
    );
  print("");
  print(
    table(
      ["HOURS", "STEAM", "BATTLEMETRICS"],
      histogramHours.map((from, index) => [
        histogramHours[index + 1] === undefined ? `${from}+` : `${from}-${histogramHours[index + 1]}`,
        String(totals.steam[index] ?? 0),
        String(totals.battlemetrics[index] ?? 0),
      ]),
    ),
  );
}

function warningLine(warning: Warning): string {
  const { warnings } = en;
  if ("connection" in warning) {
    const { kind, path } = warning.connection;
    const reason = "reason" in warning ? ` ${warning.reason}` : "";
    return `${kind} ${path}: ${warnings[warning.code]}${reason}`;
  }
  return warnings[warning.code];
}
