import assert from "node:assert/strict";
import { test } from "node:test";
import { reasonRu } from "../../src/admin/texts/reasons-ru.ts";
import { ru } from "../../src/admin/texts/ru.ts";

/** Every text, with its place; those with a number or a word in them are asked with one. */
function textsIn(value: unknown, place = ""): [place: string, text: string][] {
  if (typeof value === "string") return [[place, value]];
  if (typeof value === "function") return textsIn(value(5), place);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, one]) => textsIn(one, `${place}.${name}`));
}

test("no Russian text holds English words in a row, but for names, settings and commands", () => {
  const names =
    /Discord|Telegram|Player Join|Player Leave|Shared secret|Content type|Playtime|Steam ID|Copy webhook URL|steamcommunity\.com\S*|\[[A-Z]+\] [A-Z_]+(?: = \w+)?|admin [a-z-]+|configs\/\S+|squad-server\/\S+|config\.json|https?:\/\/\S+/g;
  const found = textsIn(ru).filter(([, text]) => /[a-z]{2,}[ ,]+[a-z]{2,}/i.test(text.replace(names, "")));
  assert.deepEqual(found, []);
});

test("reasons of Steam and of the channels of alerts are told in Russian", () => {
  for (const [kept, words] of [
    ["status 403", "код 403"],
    ["no answer in time", "ответа вовремя не было"],
    ["Telegram answered 401: the token is wrong", "Telegram ответил 401: токен неверный"],
    ["Discord could not be reached (no answer within 10 s)", "Discord: не удалось связаться (нет ответа за 10 с)"],
    ["The address of [ALERTS] URL answered 500", "Адрес из [ALERTS] URL ответил 500"],
    ["playtime must be a whole number from 0 to 10.", "Поле playtime должно быть целым числом от 0 до 10."],
    ["ECONNREFUSED", "ECONNREFUSED"],
  ])
    assert.equal(reasonRu(kept ?? ""), words);
});
