import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { extname } from "node:path";
import { test } from "node:test";
import { day, dayIn, daysBefore, machineTimeZone, timeZone } from "../src/calendar.ts";
import { Malformed } from "../src/parse.ts";
import { loader, runProgram } from "./support/program.ts";

test("a time falls on the day of its zone", () => {
  const at = new Date("2026-01-01T22:30:00Z");
  assert.equal(dayIn("UTC")(at), "2026-01-01");
  assert.equal(dayIn("Europe/Moscow")(at), "2026-01-02");
  assert.equal(dayIn("America/New_York")(at), "2026-01-01");
  assert.equal(dayIn("Asia/Kathmandu")(at), "2026-01-02");
});

test("a day changes at midnight to the millisecond, forth and back, also when an hour is left out or comes twice", () => {
  const cases: [zone: string, last: string, first: string][] = [
    ["UTC", "2026-01-01T23:59:59.999Z", "2026-01-02T00:00:00.000Z"],
    ["Asia/Kathmandu", "2026-01-01T18:14:59.999Z", "2026-01-01T18:15:00.000Z"],
    // Summer time begins and ends in Berlin, and in Beirut at midnight itself: that day begins at one o'clock.
    ["Europe/Berlin", "2026-03-29T21:59:59.999Z", "2026-03-29T22:00:00.000Z"],
    ["Europe/Berlin", "2026-10-25T22:59:59.999Z", "2026-10-25T23:00:00.000Z"],
    ["Asia/Beirut", "2026-03-28T21:59:59.999Z", "2026-03-28T22:00:00.000Z"],
  ];
  for (const [zone, last, first] of cases) {
    const day = dayIn(zone);
    const [before, after] = [day(new Date(last)), day(new Date(first))];
    assert.equal(daysBefore(after, 1), before, zone);
    assert.equal(day(new Date(last)), before);
    assert.equal(day(new Date(first)), after);
  }
});

test("days are counted by the calendar: over the ends of months, and leap years", () => {
  assert.equal(daysBefore("2026-03-01", 1), "2026-02-28");
  assert.equal(daysBefore("2028-03-01", 1), "2028-02-29");
  assert.equal(daysBefore("2026-01-01", 400), "2024-11-27");
  assert.equal(daysBefore("2026-01-01", 0), "2026-01-01");
});

test("a zone is an IANA name or nothing; offsets and unknown names are refused", () => {
  for (const name of ["", "UTC", "Europe/Moscow", "Etc/GMT-3", "America/Argentina/Buenos_Aires", " Europe/Moscow "])
    assert.equal(timeZone(name, "zone"), name.trim());
  for (const name of ["+03:00", "-0300", "UTC+3", "GMT+3", "MSK", "Europe/Nowhere", "Etc/Unknown", "3", 3, null])
    assert.throws(() => timeZone(name, "zone"), Malformed, String(name));
});

test("the machine's zone is its TZ, and undefined where that is nothing that Node knows", (t) => {
  const { TZ } = process.env;
  t.after(() => {
    if (TZ === undefined) delete process.env["TZ"];
    else process.env["TZ"] = TZ;
  });
  for (const [name, zone] of [
    ["Europe/Moscow", "Europe/Moscow"],
    ["UTC", "UTC"],
    ["Nowhere/City", undefined],
    ["MSK-3", undefined],
  ] as const) {
    process.env["TZ"] = name;
    assert.equal(machineTimeZone(name), zone, name);
  }
});

test("a day stands in the calendar", () => {
  assert.equal(day("2028-02-29", "day"), "2028-02-29");
  for (const wrong of [
    "2026-02-29",
    "2026-13-01",
    "2026-1-2",
    "0999-01-01",
    "infinity",
    "2026-01-02T00",
    20260102,
    null,
  ])
    assert.throws(() => day(wrong, "day"), Malformed, String(wrong));
});

test("a service on a machine that is set to UTC starts and tells days without the memory that Intl takes", async () => {
  const [app, config, deliveries] = ["app", "config", "players/deliveries"].map((name) =>
    JSON.stringify(import.meta.resolve(`../src/${name}${extname(import.meta.url)}`)),
  );
  const program = `
    globalThis.Intl = new Proxy(Intl, { get(_, name) { throw new Error("Intl." + name + " is used"); } });
    await import(${app});
    const { readConfig } = await import(${config});
    const { historyOf } = await import(${deliveries});
    const { HISTORY } = await readConfig({ env: process.env });
    console.log(historyOf(HISTORY).dayOf(new Date("2026-01-01T23:59:59.999Z")));`;
  const args = ["--import", loader, "--input-type=module", "--eval", program];
  const ended = await runProgram(process.execPath, args, { env: { TZ: "UTC" }, cwd: tmpdir() });
  assert.deepEqual(ended, { code: 0, stdout: "2026-01-01\n", stderr: "" });
});
