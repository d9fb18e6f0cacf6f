import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Every page of the manual, as paths from the root of the repository; English ones end in `.md`, Russian ones in `.ru.md`. */
export const pages: string[] = [
  ...readdirSync(".").filter((file) => file.endsWith(".md")),
  ...["configs", "src", "test"].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".md"))
      .map((file) => join(folder, file)),
  ),
].sort();

export const englishPages = pages.filter((file) => !file.endsWith(".ru.md"));
export const russianOf = (file: string) => file.replace(/\.md$/, ".ru.md");

/** These two are for those who read code; they stay English. */
const inOneLanguage = ["CHANGELOG.md", "THIRD-PARTY.md"];
export const pairedPages = englishPages.filter((file) => !inOneLanguage.includes(file));

/** The whole English manual as one text. */
export const manual = pairedPages.map((file) => readFileSync(file, "utf8")).join("\n");
