import { after } from "node:test";
import { createTestDatabase, type TestDatabase } from "./database.ts";
import { createBrowser, setPanelPassword } from "./panel.ts";
import { startTestService } from "./service.ts";

type Options = Parameters<typeof startTestService>[1] & {
  /** What the database holds before the service starts. */
  fill?: (db: TestDatabase) => Promise<unknown>;
};

/** A service with the panel's password, and a browser that has signed in; all is gone after the tests of the file. */
export async function signedInPanel({ fill = async () => {}, ...options }: Options = {}) {
  const db = await createTestDatabase();
  await setPanelPassword(db);
  await fill(db);
  const service = await startTestService(db, options);
  after(async () => {
    await service.stop();
    await db.drop();
  });
  const browser = createBrowser(service);
  await browser.signIn();
  return { db, service, browser };
}
