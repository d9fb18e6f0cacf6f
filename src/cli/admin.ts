import { makePassword } from "../admin/password.ts";
import { linkMinutes, signInsIn } from "../admin/sessions.ts";
import { password } from "../config.ts";
import { type Command, CommandProblem, type Context, stringOption } from "./command.ts";

export const adminCommands: Record<string, Command> = {
  "admin password": {
    args: "",
    summary: "set the password of the panel at /admin/, and sign everybody out there",
    details: [
      "--password -    read the password from standard input. Do not write the password itself into the command",
      "                (--password P): other users of the machine can see it there, and it stays in the shell's history.",
      "                Without --password the command asks you; without a terminal it makes a strong password.",
    ],
    options: { password: { type: "string" } },
    run: setPassword,
  },
  "admin sign-in-link": {
    args: "",
    summary: `print a link that signs in to the panel once, within ${linkMinutes} minutes`,
    details: [
      "For when you forgot the password, or others keep guessing it. The first who opens it is signed in: give it to nobody.",
      "The link begins with [SERVER] PUBLIC_URL; without that setting only the path is printed.",
    ],
    run: printLink,
  },
};

async function setPassword(context: Context): Promise<void> {
  const { config, print, warn } = context;
  const { chosen, isMade } = await passwordFrom(context);
  await signInsIn(await context.open()).setPassword(chosen);
  await context.changed("the password of the panel set");
  print(isMade ? `The password of the panel is now: ${chosen}` : "The password of the panel is set.");
  print("Everybody who was signed in is signed out.");
  if (config.ADMIN.PASSWORD !== "")
    warn("But the config holds a password too ([ADMIN] PASSWORD): that one is used for as long as it is there.");
  if (!config.ADMIN.ENABLED) warn("But the panel is switched off: [ADMIN] ENABLED = false.");
}

async function printLink({ config, inForce, changed, open, print, warn }: Context): Promise<void> {
  if (!config.ADMIN.ENABLED) throw new CommandProblem("The panel is switched off: [ADMIN] ENABLED = false.");
  const link = await signInsIn(await open()).makeLink();
  await changed("a link that signs in to the panel made");
  const base = (await inForce()).SERVER.PUBLIC_URL.replace(/\/+$/, "");
  print(`${base}/admin/sign-in-link/${link}/`);
  if (base === "")
    warn(
      `Put the address of the panel in front of it, such as http://localhost:${config.SERVER.PORT}. With [SERVER] PUBLIC_URL set, this command prints the whole link.`,
    );
  warn(`It works once, within ${linkMinutes} minutes. The first who opens it is signed in.`);
}

/** Files bring them along; a blank may be the end of a password. */
const lineEnds = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u;

async function passwordFrom({ options, ask, readInput }: Context): Promise<{ chosen: string; isMade: boolean }> {
  const option = stringOption(options, "password");
  const given =
    option === "-"
      ? (await readInput()).replace(lineEnds, "")
      : (option ?? (await ask?.("A new password (press Enter to get one made): ", { isHidden: true })) ?? "");
  if (given === "" && option !== undefined) throw new CommandProblem("The password is empty.");
  return given === ""
    ? { chosen: makePassword(), isMade: true }
    : { chosen: password(given, "the password"), isMade: false };
}
