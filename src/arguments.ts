import { type ParseArgsConfig, parseArgs } from "node:util";
import { errorCode } from "./error-code.ts";
import { nearest } from "./nearest.ts";

/** The call is wrong: exit code 2, with the usage. */
export class UsageProblem extends Error {
  override name = "UsageProblem";
}

/** parseArgs of Node, with our words for what is wrong. Throws UsageProblem. */
export function readArguments<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    if (!(error instanceof Error) || !errorCode(error).startsWith("ERR_PARSE_ARGS")) throw error;
    throw new UsageProblem(wordsOf(error, Object.keys(config.options ?? {})));
  }
}

/** Node names the option, or the argument that is too much, in quotation marks. Values are not repeated: they may be secret. */
function wordsOf(error: Error, names: readonly string[]): string {
  const [, option = ""] = /'(?:-\w, )?(-[^ '=]*)/.exec(error.message) ?? [];
  switch (errorCode(error)) {
    case "ERR_PARSE_ARGS_UNKNOWN_OPTION":
      return `Unknown option '${option}'. The nearest one is --${nearest(option.replace(/^-+/, ""), names)}.`;
    case "ERR_PARSE_ARGS_INVALID_OPTION_VALUE":
      return error.message.includes("not take")
        ? `${option} takes no value.`
        : `${option} needs a value. One that begins with a hyphen is written ${option}=VALUE.`;
    default:
      return "There is an argument too many.";
  }
}
