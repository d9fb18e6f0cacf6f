import { after, afterEach, beforeEach } from "node:test";
import { createTestDatabase } from "./database.ts";
import { createBrowser, setPanelPassword } from "./panel.ts";
import { insertConnections, startTestService, type TestService } from "./service.ts";
import { startSteamStub } from "./steam-stub.ts";

export const squad = 393_380;
export const player = (number: number) => String(76561198000000000n + BigInt(number));

/** A service with a Steam, one without a key, a browser that has signed in, and before each test three rows of two players. */
export async function openPlayers() {
  const [db, steam] = await Promise.all([createTestDatabase(), startSteamStub()]);
  await Promise.all([insertConnections(db), setPanelPassword(db)]);
  const config = { STEAM: { KEY: "key", API_URL: steam.url, CALLS_PER_SECOND: 1_000 } };
  const service = await startTestService(db, { config });
  const withoutKey = await startTestService(db, { config: { ...config, STEAM: { KEY: "" } } });
  const browser = await signIn(service);
  after(async () => {
    await service.stop();
    await withoutKey.stop();
    await steam.stop();
    await db.drop();
  });
  beforeEach(async () => {
    steam.calls.length = 0;
    steam.states = {};
    await db.sql`
      insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, bm_signed_at, created_at, updated_at) values
        (${player(1)}, ${squad}, 3600, 'ok', '2026-01-02T03:04:05.678Z', 5400, '2026-01-02T03:04:06Z', '2026-01-01T00:00:00Z', '2026-01-02T03:04:06Z'),
        (${player(1)}, 440, null, 'private', '2026-01-02T03:04:05.678Z', null, null, '2026-01-02T00:00:00Z', '2026-01-03T03:04:06Z'),
        (${player(2)}, ${squad}, null, 'unchecked', null, 60, '2026-01-02T03:04:06Z', '2026-01-03T00:00:00Z', '2026-01-01T03:04:06Z')`;
  });
  afterEach(() => db.sql`truncate playtimes, edits`);

  const row = async (steamId: string, gameId = squad) =>
    (
      await db.sql`
        select steam_seconds as steam, steam_status as status, steam_checked_at as checked, bm_seconds as bm, bm_signed_at as signed
        from playtimes where steam_id = ${steamId} and game_id = ${gameId}`
    )[0];
  return { db, steam, service, withoutKey, browser, row };
}

/** Somebody who has signed in, and whose forms lead to the page behind them. */
export async function signIn(to: TestService, language = "en") {
  const { get, post, signIn, cookies } = createBrowser(to, { "accept-language": language });
  await signIn();
  return {
    get,
    submit: async (path: string, form: Record<string, string>) => {
      const answer = await post(path, form);
      return answer.location === null ? answer : get(answer.location);
    },
    cookie: [...cookies].map((cookie) => cookie.join("=")).join("; "),
  };
}

/** The players of a list, in its order: the last digit of the ID and the game. */
export const listed = (text: string) =>
  [...text.matchAll(/class="id">7656119800000000([0-9])<\/a>.*?<\/td>\s*<td[^>]*>([0-9]+|Squad)</g)].map(
    ([, id, game]) => `${id}/${game === "Squad" ? squad : game}`,
  );
