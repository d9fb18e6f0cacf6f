import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { cli } from "../support/cli.ts";

test("alerts test sends by each channel that is set up, says how it went, and exits 1 where one failed", async (t) => {
  const received: string[] = [];
  const stub = createServer((request, response) => {
    received.push(request.url ?? "");
    response.writeHead(request.url === "/discord" ? 404 : 200).end("{}");
  });
  await new Promise<void>((resolve) => stub.listen(0, "127.0.0.1", resolve));
  t.after(() => stub.close());
  const address = stub.address();
  const url = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
  const good = await cli("alerts test", { env: { PLAYTIME_ALERTS_URL: `${url}/hook` } });
  assert.deepEqual(good, { code: 0, out: "url: sent", err: "" });
  const bad = await cli("alerts test", {
    env: {
      PLAYTIME_ALERTS_DISCORD_WEBHOOK: `${url}/discord`,
      PLAYTIME_ALERTS_TELEGRAM_TOKEN: "1:x",
      PLAYTIME_ALERTS_TELEGRAM_CHAT: "@channel",
      PLAYTIME_ALERTS_TELEGRAM_API_URL: `${url}/`,
    },
  });
  assert.deepEqual(bad, {
    code: 1,
    out: "discord: Discord answered 404: the webhook was deleted, or its address is wrong\ntelegram: sent",
    err: "At least one channel did not take the message: see above.",
  });
  assert.deepEqual(received.sort(), ["/bot1:x/sendMessage", "/discord", "/hook"]);
});

test("alerts test without a channel says where to set one up", async () => {
  const { code, err } = await cli("alerts test", { env: {} });
  assert.equal(code, 1);
  assert.match(err, /Fill in \[ALERTS\] in the config file/);
});
