export const choiceNames = ["q", "game", "steam", "battlemetrics", "status", "sort", "after", "trail"] as const;
/** The parameters of a list, as they stand in its address: a stranger's text, empty for what was not chosen. */
export type Choice = Record<(typeof choiceNames)[number], string>;

export function addressOfList(choice: Choice, changes: Partial<Choice> = {}, path = "/admin/players/"): string {
  const all = { ...choice, ...changes };
  const given = new URLSearchParams();
  for (const name of choiceNames) if (all[name] !== "") given.set(name, all[name]);
  return given.size === 0 ? path : `${path}?${given}`;
}

/** What a page's address chooses. */
export function choiceIn(query: URLSearchParams): Choice {
  const of = (name: keyof Choice) => (query.get(name) ?? "").trim().slice(0, 2_000);
  return {
    q: of("q"),
    game: of("game"),
    steam: of("steam"),
    battlemetrics: of("battlemetrics"),
    status: of("status"),
    sort: of("sort"),
    after: of("after"),
    trail: of("trail"),
  };
}
