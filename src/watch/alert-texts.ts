import type { Condition } from "./condition.ts";

type Words = {
  began: { [Cause in Condition["cause"]]: (condition: Extract<Condition, { cause: Cause }>) => string };
  over: Record<Condition["cause"], (connection: string) => string>;
  test: string;
  /** What a refusal's code means; any other code is shown as it is. */
  refusals: Record<string, string>;
};

const en: Words = {
  began: {
    late: ({ connection, hours }) =>
      `No delivery came to "${pathOf(connection)}" for ${hours} h. Check on BattleMetrics that the trigger is still on, and that its log shows no errors.`,
    refusing: ({ connection, code }) =>
      `The last requests to "${pathOf(connection)}" were refused: ${en.refusals[code] ?? code}. The connection's page in the panel says what to do.`,
    "steam-key-refused": () =>
      "Steam refuses the key: it is wrong, or Steam blocks the address of this server. Times from Steam stay as they are until that is solved.",
    "steam-away": () =>
      "Steam has not answered for 15 minutes. Times from Steam stay as they are until it answers again.",
    "database-away": () =>
      "The database has been away for 5 minutes. Deliveries are refused with 503; BattleMetrics may switch the trigger off.",
    "backup-failed": ({ reason }) => `The backup failed: ${reason}. It is tried again every 15 minutes.`,
    "disk-nearly-full": ({ freeMegabytes }) =>
      `The disk is nearly full: ${freeMegabytes} MB are free. On a full disk the database stops.`,
  },
  over: {
    late: (connection) => `Deliveries to "${pathOf(connection)}" arrive again.`,
    refusing: (connection) => `Requests to "${pathOf(connection)}" are accepted again.`,
    "steam-key-refused": () => "Steam accepts the key again.",
    "steam-away": () => "Steam answers again.",
    "database-away": () => "The database is back. Look whether the trigger on BattleMetrics is still on.",
    "backup-failed": () => "The backup was made.",
    "disk-nearly-full": () => "The disk has room again.",
  },
  test: "This is a test. Alerts of Playtime-Service arrive here.",
  refusals: {
    "bad-signature": "the signature is wrong, so the sender uses another secret",
    "no-signature": "there is no signature",
    "no-secret": "the connection has no secret",
    "stale-timestamp": "the signed time is too far from this server's clock",
    "bad-timestamp": "the signed time is unreadable",
    malformed: "the body is wrong",
    "body-too-large": "the body is too large",
  },
};

const ru: Words = {
  began: {
    late: ({ connection, hours }) =>
      `На «${pathOf(connection)}» уже ${hours} ч не приходило доставок. Проверьте на BattleMetrics, что триггер включён и в его журнале нет ошибок.`,
    refusing: ({ connection, code }) =>
      `Последние запросы к «${pathOf(connection)}» отклонены: ${ru.refusals[code] ?? code}. Что делать, написано в панели, на странице соединения.`,
    "steam-key-refused": () =>
      "Steam не принимает ключ: он неверный, или Steam заблокировал адрес этого сервера. Пока это так, время из Steam не обновляется.",
    "steam-away": () => "Steam не отвечает уже 15 минут. Пока он молчит, время из Steam не обновляется.",
    "database-away": () =>
      "База данных недоступна уже 5 минут. Доставки получают ответ 503, и BattleMetrics может выключить триггер.",
    "backup-failed": ({ reason }) => `Резервная копия не сделана: ${reason}. Попытки повторяются каждые 15 минут.`,
    "disk-nearly-full": ({ freeMegabytes }) =>
      `Диск почти заполнен: свободно ${freeMegabytes} МБ. Если место кончится, база данных остановится.`,
  },
  over: {
    late: (connection) => `На «${pathOf(connection)}» снова приходят доставки.`,
    refusing: (connection) => `Запросы к «${pathOf(connection)}» снова принимаются.`,
    "steam-key-refused": () => "Steam снова принимает ключ.",
    "steam-away": () => "Steam снова отвечает.",
    "database-away": () => "База данных снова доступна. Проверьте, не выключился ли триггер на BattleMetrics.",
    "backup-failed": () => "Резервная копия сделана.",
    "disk-nearly-full": () => "На диске снова есть место.",
  },
  test: "Это проверка. Сюда будут приходить оповещения Playtime-Service.",
  refusals: {
    "bad-signature": "подпись неверна, значит, у отправителя другой секрет",
    "no-signature": "подписи нет",
    "no-secret": "у соединения нет секрета",
    "stale-timestamp": "подписанное время слишком далеко от часов этого сервера",
    "bad-timestamp": "подписанное время не читается",
    malformed: "тело запроса неверно",
    "body-too-large": "тело запроса слишком велико",
  },
};

/** The words of the configured language; English for any that we do not speak. */
export function alertWords(languageCode: string) {
  const words = /^ru\b/i.test(languageCode) ? ru : en;
  return {
    began: (condition: Condition) => beganIn(words, condition),
    over: (cause: Condition["cause"], connection: string) => words.over[cause](connection),
    test: words.test,
  };
}

function beganIn({ began }: Words, condition: Condition): string {
  switch (condition.cause) {
    case "late":
      return began.late(condition);
    case "refusing":
      return began.refusing(condition);
    case "backup-failed":
      return began["backup-failed"](condition);
    case "disk-nearly-full":
      return began["disk-nearly-full"](condition);
    case "steam-key-refused":
      return began["steam-key-refused"](condition);
    case "steam-away":
      return began["steam-away"](condition);
    case "database-away":
      return began["database-away"](condition);
  }
}

const pathOf = (connection: string) => connection.slice(connection.indexOf("/") + 1);
