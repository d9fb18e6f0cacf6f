import type { Kind } from "../connections/connections.ts";
import type { Call, Handler } from "../http/call.ts";
import type { Refusal } from "../http/refusal.ts";
import { refusalOf } from "../http/refusal.ts";

/** Called with how each request ended and how long it took, from its head to its answer. Samples count only when refused. */
export type OnEnd = (
  kind: Kind,
  call: Call,
  end: "accepted" | "ignored" | "paused" | Refusal,
  durationMs: number,
) => void;

/** The same handler, which reports each call to all `watchers`. */
export function observed(kind: Kind, handler: Handler, watchers: readonly OnEnd[]): Handler {
  return async (call) => {
    const startMs = performance.now();
    const tell = (end: Parameters<OnEnd>[2]) => {
      for (const onEnd of watchers) onEnd(kind, call, end, performance.now() - startMs);
    };
    try {
      const answer = await handler(call);
      if (!call.facts.isSample) tell(call.facts.dropped ?? "accepted");
      return answer;
    } catch (error) {
      tell(refusalOf(error));
      throw error;
    }
  };
}

/** The codes of refusals of requests that reach no connection: by their address, or by their method. */
export const astray = ["unknown-path", "method-not-allowed"] as const;

/** Whether it is a code of `astray`. */
export const isAstray = (code: string): code is (typeof astray)[number] => (astray as readonly string[]).includes(code);
