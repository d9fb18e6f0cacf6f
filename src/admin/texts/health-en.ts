import type { State } from "../../watch/health.ts";

/** How connections stand, and what to do about it. */
export const health = {
  states: {
    refusing: "refusing",
    "no-secret": "no secret",
    late: "late",
    paused: "paused",
    off: "off",
    up: "up",
  } satisfies Record<Exclude<State, "waiting">, string>,
  waiting: { battlemetrics: "waiting for its first delivery", script: "waiting for its first query" },
  /** What to do; of "up" there is nothing to do. */
  advice: {
    "no-secret": "All its requests are refused. Set a secret.",
    late: "BattleMetrics stops a webhook after errors: check there that the trigger is still enabled and that its log shows no errors.",
    paused:
      "Signatures are checked and answered with 200, but what BattleMetrics sends is dropped. Resume it to store times again.",
    off: "All its requests are refused with 403. Switch it on to accept them. BattleMetrics stops a webhook after errors: check there that the trigger is still enabled.",
    offScript: "All its requests are refused with 403. Switch it on to accept them.",
    waiting:
      "Paste the values of the page Set-up into BattleMetrics. It sends the first delivery when a player joins or leaves your server; it shows here when it comes.",
    waitingLong:
      "Nothing came for an hour. Check that a player joined or left since then, that the trigger on BattleMetrics is enabled and its address is the one at Set-up, and that the port is open to the internet: in the firewall of this machine, of the host, and in the router.",
    waitingScript: "Put the address and the secret of the page Set-up into the script.",
  },
  /** Of a refusal, by its code. */
  cures: {
    "bad-signature": "Set the same secret here and at the sender.",
    "no-signature": "Enter the secret of this connection at the sender.",
    "stale-timestamp": "Check the clock of this machine (timedatectl).",
    malformed: "Compare the body at the sender with the one at Set-up.",
  } as Record<string, string>,
  otherCure: "The list of refusals says more.",
  lastRefused: "Last refused",
  /** `%` is the time. */
  noAnswer: "No answer since %. What you see may be out of date.",
  signedOut: "You are signed out, so this page is no longer updated.",
  switch: "Switch",
  details: "Details",
  pause: "Pause",
  resume: "Resume",
  expect: "Expect a delivery every … hours",
  expectHint: "After this time without a delivery the connection is late, and you are told. Leave it empty for never.",
  done: {
    paused: "Paused. What BattleMetrics sends is answered with 200 and dropped.",
    resumed: "Resumed. Deliveries are stored again.",
  },
  switchOffQuestion: {
    battlemetrics:
      "Switch this connection off? Its deliveries are refused with 403 from then on. BattleMetrics stops a webhook after errors, so you may have to enable the trigger there again. Pause it instead to answer with 200 and drop what comes.",
    script: "Switch this connection off? The queries of its script are refused with 403 from then on.",
  },
};

/** The page of alerts. */
export const alerts = {
  title: "Alerts",
  hint: "The service tells you when something stops working, and once more when it works again.",
  channels: "Sent to",
  noChannel:
    "No alerts are set up, so nobody is told. Enter Discord, Telegram or the address of another service at Settings.",
  test: "Send a test",
  testHint: "Sends a test message to every channel now.",
  sent: "sent",
  waiting: "not sent yet",
  tryAgain: "not sent; the next try is at",
  givenUp: "not sent, given up",
  tries: "tries",
  newest: "Sent lately",
  none: "Nothing was sent yet.",
  kept: "The newest 100. Sent ones are kept for 30 days.",
  time: "Time",
  where: "Channel",
  text: "Message",
  outcome: "Outcome",
};
