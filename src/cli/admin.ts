import { makePassword } from "../admin/password.ts";
import { signInsIn } from "../admin/sessions.ts";
import { password } from "../config.ts";
import { type Command, CommandProblem, type Context, stringOption } from "./command.ts";

export const adminCommands: Record<string, Command> = {
  "admin password": {
    args: "",
    summary: "set the password of the panel at /admin/, and sign everybody out there",
    details: [
      "--password -    read the password from standard input. One that stands here itself (--password P) is seen by other",
      "                users of the machine, in ps, and stays in the shell's history.",
      "                Without it a terminal asks for it, and otherwise a strong one is made.",
    ],
    options: { password: { type: "string" } },
    run: setPassword,
  },
};

async function setPassword(context: Context): Promise<void> {
  const { config, print, warn } = context;
  const { chosen, isMade } = await passwordFrom(context);
  await signInsIn(await context.open()).setPassword(chosen);
  print(isMade ? `The password of the panel is now: ${chosen}` : "The password of the panel is set.");
  print("Whoever was signed in is signed out.");
  if (config.ADMIN.PASSWORD !== "")
    warn("But the config has a password too, [ADMIN] PASSWORD, and that one counts as long as it stands there.");
  if (!config.ADMIN.ENABLED) warn("But the panel is switched off: [ADMIN] ENABLED = false.");
}

/** Files bring them along; a blank may be the end of a password. */
const lineEnds = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u;

async function passwordFrom({ options, ask, readInput }: Context): Promise<{ chosen: string; isMade: boolean }> {
  const option = stringOption(options, "password");
  const given =
    option === "-"
      ? (await readInput()).replace(lineEnds, "")
      : (option ?? (await ask?.("A new password (Enter makes one): ")) ?? "");
  if (given === "" && option !== undefined) throw new CommandProblem("The password is empty.");
  return given === ""
    ? { chosen: makePassword(), isMade: true }
    : { chosen: password(given, "the password"), isMade: false };
}
