/** A trouble: the operator gets one message when it begins and one when it is over. `connection`: `kind/path`, or "". */
export type Condition =
  | { cause: "late"; connection: string; hours: number }
  | { cause: "refusing"; connection: string; code: string }
  | { cause: "steam-key-refused"; connection: "" }
  | { cause: "steam-away"; connection: "" }
  | { cause: "database-away"; connection: "" }
  | { cause: "backup-failed"; connection: ""; reason: string }
  | { cause: "disk-nearly-full"; connection: ""; freeMegabytes: number };
