import { en, type Texts } from "./en.ts";
import { ru } from "./ru.ts";

/** The languages of the panel. */
export const languages = ["en", "ru"] as const;
export type Language = (typeof languages)[number];

export const texts: Record<Language, Texts> = { en, ru };
