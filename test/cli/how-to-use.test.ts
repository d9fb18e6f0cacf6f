import assert from "node:assert/strict";
import { test } from "node:test";
import { howToUse } from "../../src/cli/how-to-use.ts";
import { isPrivate } from "../../src/connections/how-to-use.ts";

const connection = { kind: "script", path: "my-bot", secret: "a secret", fixedGameId: null } as const;
const at = (PUBLIC_URL: string) => ({ SERVER: { PORT: 8000, PUBLIC_URL } });

test("the texts to copy hold the address by which callers reach the service", () => {
  const text = howToUse(connection, at("https://playtime.example.com/"));
  assert.match(text, /^address {2}https:\/\/playtime\.example\.com\/get-playtime\/my-bot\/$/m);
  assert.match(text, /^ {2}curl https:\/\/playtime\.example\.com\/get-playtime\/my-bot\/ /m);
  const trigger = howToUse({ ...connection, kind: "battlemetrics" }, at("https://playtime.example.com"));
  assert.match(trigger, /^ {2}URL {12}https:\/\/playtime\.example\.com\/set-playtime\/bm\/my-bot\/$/m);
  assert.doesNotMatch(trigger, /YOUR-SERVER/);
});

test("while nobody has said it, a placeholder stands for the machine, and the line to try works on the machine itself", () => {
  for (const [publicUrl, port] of [
    ["", ":8000"],
    ["http://YOUR-SERVER", ""],
  ] as const) {
    const text = howToUse(connection, at(publicUrl));
    assert.match(text, new RegExp(`^address {2}http://YOUR-SERVER${port}/get-playtime/my-bot/$`, "m"));
    assert.match(text, new RegExp(`^ {2}curl http://localhost${port}/get-playtime/my-bot/ `, "m"));
  }
});

test("a script gets the block for SquadJS; a hidden secret stands nowhere, nor any command that needs it", () => {
  const blockOf = (text: string) => JSON.parse(/^ {2}\{$.*?^ {2}\}$/ms.exec(text)?.[0] ?? "");
  const shown = howToUse(connection, at("https://playtime.example.com"));
  assert.deepEqual(blockOf(shown), {
    plugin: "PlaytimeCommands",
    enabled: true,
    playtime_service_api_url: "https://playtime.example.com/get-playtime/my-bot/",
    playtime_service_api_secret_key: "a secret",
    language: "en",
  });
  for (const text of [
    howToUse(connection, at("https://playtime.example.com"), { isHidden: true }),
    howToUse({ ...connection, secret: null }, at("https://playtime.example.com")),
  ]) {
    assert.equal(blockOf(text).playtime_service_api_secret_key, "env:SQUADJS_PLAYTIME_SECRET");
    assert.doesNotMatch(text, /a secret|curl|SIGNATURE/);
  }
});

test("an address that only this machine or its network reaches is no address for BattleMetrics", () => {
  for (const host of [
    "localhost",
    "127.0.0.1",
    "10.1.2.3",
    "172.31.0.1",
    "192.168.1.5",
    "100.64.0.1",
    "[::1]",
    "[fd00::1]",
    "nas",
    "pi.local",
  ]) {
    assert.equal(isPrivate(`http://${host}:8000`), true, host);
    const text = howToUse({ ...connection, kind: "battlemetrics" }, at(`http://${host}:8000`));
    assert.match(text, /BattleMetrics cannot reach this address: set \[SERVER\] PUBLIC_URL/);
  }
  for (const host of ["playtime.example.com", "203.0.113.7", "172.32.0.1", "[2001:db8::1]", "YOUR-SERVER"])
    assert.equal(isPrivate(`http://${host}:8000`), false, host);
  assert.equal(isPrivate("no address"), false);
});
