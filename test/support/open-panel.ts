import { after, beforeEach } from "node:test";
import { createTestDatabase } from "./database.ts";
import { setPanelPassword } from "./panel.ts";
import { startTestService, type TestService } from "./service.ts";

/** A service whose panel has the usual password before each test, and into which nobody has signed in or tried to. */
export async function openPanel() {
  const db = await createTestDatabase();
  const service = await startTestService(db);
  after(async () => {
    await service.stop();
    await db.drop();
  });
  beforeEach(async () => {
    await db.sql`truncate sessions, panel_settings, wrong_guesses, sign_in_links`;
    await setPanelPassword(db);
  });

  /** Another service over the same database, as after a restart or with another config. */
  async function beside(
    options: Parameters<typeof startTestService>[1],
    work: (other: TestService) => Promise<void>,
  ): Promise<void> {
    const other = await startTestService(db, options);
    try {
      await work(other);
    } finally {
      await other.stop();
    }
  }
  return { db, service, beside };
}
