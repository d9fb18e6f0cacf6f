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
    late: "BattleMetrics switches a webhook off after errors: check there that the trigger is still enabled and that the trigger's log shows no errors.",
    paused:
      "BattleMetrics gets the answer 200 and does not switch the webhook off, but nothing is stored. Resume the connection to store new deliveries.",
    off: "All its requests are refused with 403. Switch the connection on to accept them. BattleMetrics switches a webhook off after errors: check there that the trigger is still enabled.",
    offScript: "All its requests are refused with 403. Switch the connection on to accept them.",
    waiting:
      "Paste the values from the page Set-up into BattleMetrics. It sends the first delivery when a player joins or leaves your server. Then the delivery shows here.",
    waitingLong:
      "Nothing came for an hour. Did a player join or leave your server in that time? Is the trigger on BattleMetrics enabled? Is the URL of the webhook the one that the page Set-up shows? Is the port open in the firewall of this machine, at your provider, and in your router?",
    waitingScript: "The page Set-up shows an address and a secret: put both into the script.",
  },
  /** Of a refusal, by its code. */
  cures: {
    "bad-signature": "Set the same secret here and at the sender.",
    "no-signature": "Enter the secret of this connection at the sender.",
    "stale-timestamp": "Check the clock of this machine (timedatectl).",
    malformed: "Compare the body at the sender with the one on the page Set-up.",
  } as Record<string, string>,
  otherCure: "The list of refusals on the connection's page says more.",
  lastRefused: "Last refused",
  /** `%` is the time. */
  noAnswer: "No answer since %. What you see may be out of date.",
  signedOut: "You are signed out, so this page is no longer updated.",
  switch: "Switch",
  details: "Details",
  pause: "Pause",
  resume: "Resume",
  expect: "Warn after this many hours without a delivery",
  expectHint: "Then the connection is shown as late, and you get an alert. Leave it empty for no warning.",
  done: {
    paused: "Paused. BattleMetrics gets the answer 200, but nothing is stored.",
    resumed: "Resumed. New deliveries are stored.",
  },
  switchOffQuestion: {
    battlemetrics:
      "Switch this connection off? Its deliveries are refused with 403 from then on. BattleMetrics switches a webhook off after errors, so you may have to enable the trigger there again. If you only want a break, pause the connection instead: BattleMetrics gets the answer 200, but nothing is stored.",
    script: "Switch this connection off? The queries of its script are refused with 403 from then on.",
  },
};

/** The page of alerts. */
export const alerts = {
  title: "Alerts",
  hint: "The service tells you when something stops working, and once more when it works again.",
  channels: "Sent to",
  noChannel: "No alerts are set up, so nobody is told. Set up Discord, Telegram or another service at Settings.",
  test: "Send a test",
  testHint: "Sends a test message to every channel now.",
  sent: "sent",
  waiting: "not sent yet",
  tryAgain: "not sent; the next try is at",
  givenUp: "not sent, given up",
  tries: "tries",
  newest: "Latest alerts",
  none: "Nothing was sent yet.",
  kept: "The newest 100 alerts of the last 30 days.",
  time: "Time",
  where: "Channel",
  text: "Message",
  outcome: "Outcome",
};
