/*
 * Why something was refused or failed is kept as it was told: in English. Here is what each sentence says in Russian.
 */

const form = "X-Signature: <64 шестнадцатеричные цифры>";

const expected: readonly (readonly [RegExp, string])[] = [
  [/in the body: the webhook's template lacks it/, "быть в теле: в шаблоне вебхука его нет"],
  [/a SteamID64: 16 to 18 digits that begin with 76/, "быть SteamID64: от 16 до 18 цифр, первые — 76"],
  [/a list of (\d+) to (\d+) Steam IDs/, "быть списком из $1–$2 Steam ID"],
  [
    /a list of (\d+) to (\d+) different whole numbers, such as \[7, 30\]/,
    "быть списком из $1–$2 разных целых чисел, например [7, 30]",
  ],
  [/a list without the same number twice/, "быть списком без повторов"],
  [/a whole number from (\d+) to (\d+)/, "быть целым числом от $1 до $2"],
  [/true or false/, "быть true или false"],
  [/a JSON object/, "быть объектом JSON"],
  [/JSON, but it is empty/, "быть в JSON, а запрос пустой"],
  [/JSON, but it ends early/, "быть в JSON, а он обрывается"],
  [/JSON, but line (\d+), column (\d+) is wrong/, "быть в JSON, ошибка в строке $1, столбце $2"],
  [/JSON that is not compressed; these bytes are (\w+)/, "быть в JSON без сжатия, а пришло сжатое ($1)"],
  [/JSON in UTF-8; these bytes are UTF-16/, "быть в JSON в UTF-8, а пришло в UTF-16"],
  [/JSON in UTF-8/, "быть в JSON в UTF-8"],
  [/a day, such as (\S+)/, "быть днём, например $1"],
  [/text/, "быть текстом"],
];

const sentences: readonly (readonly [RegExp, string])[] = [
  ...expected.map(
    ([pattern, words]) =>
      [new RegExp(`(\\S+|the body) must be ${pattern.source}\\.?`, "g"), `Поле $1 должно ${later(words)}.`] as const,
  ),
  [/Поле the body должно/g, "Тело запроса должно"],
  [
    /The signature does not match the body and the secret\. Compare the secret on both sides\./g,
    "Подпись не соответствует телу и секрету. Сравните секрет с обеих сторон.",
  ],
  [
    /Sign exactly the bytes that are sent, and nothing else\./g,
    "Подписывайте ровно те байты, которые отправляются, и ничего больше.",
  ],
  [
    /What is signed is the time, a dot and the bytes that are sent\./g,
    "Подписываются время, точка и отправляемые байты.",
  ],
  [/No body came\./g, "Тело не пришло."],
  [/(\d+) bytes came; their SHA-256 begins with (\w+)\./g, "Пришло байтов: $1; их SHA-256 начинается с $2."],
  [/The last one is a line break\./g, "Последний из них — перевод строки."],
  [/They are compressed \((\w+)\): send them uncompressed\./g, "Они сжаты ($1): отправляйте без сжатия."],
  [
    /The X-Signature header is missing, or is not the kind of signature that this address expects\./g,
    "Заголовка X-Signature нет, или подпись не того вида, которого ждёт этот адрес.",
  ],
  [/The X-Signature header is missing\./g, "Заголовка X-Signature нет."],
  [
    /(\S+) is a header of another service and is not read here\./g,
    "$1 — заголовок другого сервиса, здесь он не читается.",
  ],
  [
    /The Authorization header is not read here: the body is signed, no token is sent\./g,
    "Заголовок Authorization здесь не читается: подписывается тело, токен не отправляется.",
  ],
  [
    /(\S+) is not read here: the secret signs the body and is never sent\./g,
    "$1 здесь не читается: секретом подписывают тело, сам он не отправляется.",
  ],
  [
    /BattleMetrics sends X-Signature: t=<time>,s=<64 hex digits>\./g,
    "BattleMetrics присылает X-Signature: t=<время>,s=<64 шестнадцатеричные цифры>.",
  ],
  [
    /Send X-Signature: <64 hex digits>, the HMAC-SHA256 of the body with the secret\./g,
    `Отправляйте ${form}: HMAC-SHA256 от тела, ключ — секрет соединения.`,
  ],
  [
    /X-Signature has the form of BattleMetrics, t=<time>,s=<hex>\. Deliveries go to (\S+)\. A script signs the body alone and sends only the 64 hex digits\./g,
    "X-Signature в форме BattleMetrics: t=<время>,s=<цифры>. Доставки идут на $1. Скрипт подписывает только тело и отправляет только 64 шестнадцатеричные цифры.",
  ],
  [
    /X-Signature has the form of a script, only hex digits\. Queries of scripts go to (\S+)\./g,
    "X-Signature в форме скрипта: только цифры. Запросы скриптов идут на $1.",
  ],
  [/X-Signature has no part ([ts]=)\./g, "В X-Signature нет части $1."],
  [/X-Signature has more than one part t=\./g, "В X-Signature больше одной части t=."],
  [/X-Signature has an empty part t=\./g, "В X-Signature пустая часть t=."],
  [/The part s= /g, "Часть s= "],
  [/is empty\./g, "пуста."],
  [/holds a placeholder instead of a signature\./g, "содержит заготовку вместо подписи."],
  [
    /is a whole line of openssl or sha256sum\. Send only its hex digits: add (`[^`]+`) behind openssl\./g,
    "— целая строка openssl или sha256sum. Отправляйте только цифры: добавьте $1 после openssl.",
  ],
  [/has quotation marks around it\. Leave them out\./g, "стоит в кавычках. Уберите их."],
  [/begins with 0x\. Leave it out\./g, "начинается с 0x. Уберите его."],
  [/begins with Bearer\. No token is sent here\./g, "начинается с Bearer. Токен здесь не отправляется."],
  [/is a (SHA-\d+) \((\w+=)\)\. Use SHA-256\./g, "— $1 ($2). Нужен SHA-256."],
  [
    /begins with a name and a sign\. Send only the hex digits\./g,
    "начинается с имени и знака. Отправляйте только шестнадцатеричные цифры.",
  ],
  [
    /has (\d+) hex digits: that is an? ([\w-]+)\. Use SHA-256\./g,
    "— это $1 шестнадцатеричных цифр, то есть $2. Нужен SHA-256.",
  ],
  [/came more than once\. Send one\./g, "пришла несколько раз. Отправляйте одну."],
  [/has marks between its bytes\. Leave them out\./g, "содержит знаки между байтами. Уберите их."],
  [
    /has hex digits, but not 64 of them: a part is missing, or there is too much\./g,
    "состоит из шестнадцатеричных цифр, но их не 64: чего-то не хватает или что-то лишнее.",
  ],
  [
    /looks like base64\. Write the same bytes as 64 hex digits\./g,
    "похожа на base64. Запишите те же байты 64 шестнадцатеричными цифрами.",
  ],
  [
    /looks like base64, and not of a SHA-256\. Send a SHA-256 as 64 hex digits\./g,
    "похожа на base64, и не от SHA-256. Отправляйте SHA-256 64 шестнадцатеричными цифрами.",
  ],
  [/has (\d+) characters that are not 64 hex digits\./g, "— это символов: $1, а не 64 шестнадцатеричные цифры."],
  [
    /The signed time (\S+) is (\S+) seconds old by this server's clock, ([^;]+); (\d+) seconds are allowed\. Check that both clocks are right\./g,
    "Подписанное время $1 по часам этого сервера ($3) отстаёт на $2 с; допустимо $4 с. Проверьте часы с обеих сторон.",
  ],
  [
    /The signed time (\S+) is (\S+) seconds in the future by this server's clock, ([^;]+); (\d+) seconds are allowed\. Check that both clocks are right\./g,
    "Подписанное время $1 по часам этого сервера ($3) спешит на $2 с; допустимо $4 с. Проверьте часы с обеих сторон.",
  ],
  [
    /This connection is switched off\. Its operator can switch it on again\./g,
    "Это соединение выключено. Его можно включить снова.",
  ],
  [
    /This connection has no secret yet\. Its operator must set one\./g,
    "У этого соединения ещё нет секрета. Его нужно задать.",
  ],
  [/The body is larger than (\d+) KiB\./g, "Тело запроса больше $1 КиБ."],
  [
    /The signed time is not an ISO 8601 time with a zone, such as (\S+Z)\./g,
    "Время в подписи — не время по ISO 8601 с часовым поясом, например $1.",
  ],
  [/The signed time is too far from the server's clock\./g, "Время в подписи слишком расходится с часами сервера."],
  [/The body is not what this address expects\./g, "Тело запроса не такое, какого ждёт этот адрес."],
  [
    /Too many requests are waiting\. Try again in a moment\./g,
    "Слишком много запросов ждут очереди. Попробуйте чуть позже.",
  ],
  [/The database does not answer\. Try again in a moment\./g, "База данных не отвечает. Попробуйте чуть позже."],
  [
    /Something went wrong in the service; its log says what\./g,
    "В сервисе что-то пошло не так; подробности в его журнале.",
  ],
  [/The body ended early\./g, "Тело запроса оборвалось."],
  [
    /The text holds a character that cannot be stored, such as NUL\./g,
    "В тексте есть символ, который нельзя сохранить, например NUL.",
  ],
  [/status (\d+)/g, "код $1"],
  [/no answer in time/g, "ответа вовремя не было"],
  [/an answer too large/g, "слишком большой ответ"],
  [/an answer of a wrong shape/g, "ответ неожиданного вида"],
  [/an unknown failure/g, "неизвестный сбой"],
  [/(Discord|Telegram|The address of \[ALERTS\] URL) answered (\d+)/g, "$1 ответил $2"],
  [
    /(Discord|Telegram|The address of \[ALERTS\] URL) could not be reached \(([^)]+)\)/g,
    "$1: не удалось связаться ($2)",
  ],
  [/The address of \[ALERTS\] URL/g, "Адрес из [ALERTS] URL"],
  [/: the webhook's address is wrong/g, ": адрес вебхука неверный"],
  [/: the webhook was deleted, or its address is wrong/g, ": вебхук удалён, или его адрес неверный"],
  [/: too many messages/g, ": слишком много сообщений"],
  [
    /: there is no such chat, or nobody has written to the bot there yet/g,
    ": такого чата нет, или боту там ещё никто не писал",
  ],
  [/: the token is wrong/g, ": токен неверный"],
  [/: the bot was removed from the chat, or blocked/g, ": бота удалили из чата или заблокировали"],
  [/no answer within (\d+) s/g, "нет ответа за $1 с"],
  [/programs refuse to connect to this port/g, "программы не соединяются с этим портом"],
  [/\(network\)/g, "(сеть)"],
];

/** What of a pattern's groups comes behind the field. */
function later(words: string): string {
  return words.replace(/\$([0-9])/g, (_, number) => `$${Number(number) + 1}`);
}

/** In Russian, as far as it is known: what is not stays as it is. */
export const reasonRu = (reason: string): string =>
  sentences.reduce((text, [pattern, words]) => text.replace(pattern, words), reason);
