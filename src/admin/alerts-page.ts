import { type Html, html } from "../html.ts";
import type { Channel, Sent } from "../watch/alert-channels.ts";
import type { StoredMessage } from "../watch/alert-store.ts";
import { moment, number, type Reader, reasonWords } from "./reader.ts";

const channelNames: Record<Channel, string> = { discord: "Discord", telegram: "Telegram", url: "URL" };

/** How a test went, by channel. */
export type Tested = readonly { channel: Channel; outcome: Sent }[];

export type ShownAlerts = { channels: readonly Channel[]; messages: readonly StoredMessage[]; tested: Tested };

/** The page's content; no address and no token is known here. */
export function alertsPage(reader: Reader, { channels, messages, tested }: ShownAlerts): Html {
  const { alerts: words } = reader.texts;
  return html`<h1>${words.title}</h1><p class="quiet">${words.hint}</p>
<section class="card">${
    channels.length === 0
      ? html`<p class="warning">${words.noChannel}</p>`
      : html`<p>${words.channels}: ${channels.map((channel) => channelNames[channel]).join(", ")}</p><p class="hint">${words.testHint}</p>
<form method="post"><button name="action" value="test">${words.test}</button></form>`
  }${tested.map(
    ({ channel, outcome }) =>
      html`<p class="notice ${outcome.isSent ? "done" : "problem"}" role="${outcome.isSent ? "status" : "alert"}">${channelNames[channel]}: ${outcome.isSent ? words.sent : reasonWords(reader, outcome.problem)}</p>`,
  )}</section>
<section class="card" data-live="alerts"><h2>${words.newest}</h2>${messagesTable(reader, messages)}</section>`;
}

function messagesTable(reader: Reader, messages: readonly StoredMessage[]): Html {
  const { alerts: words } = reader.texts;
  if (messages.length === 0) return html`<p class="empty">${words.none}</p>`;
  return html`<p class="hint">${words.kept}</p>
<table class="stack"><thead><tr><th>${words.time}</th><th>${words.where}</th><th>${words.text}</th><th>${words.outcome}</th></tr></thead><tbody>${messages.map(
    (message) => html`<tr>
<td data-label="${words.time}">${moment(reader, message.at)}</td>
<td data-label="${words.where}">${channelNames[message.channel]}</td>
<td data-label="${words.text}" class="text"><span>${message.text}</span></td>
<td data-label="${words.outcome}" class="text"><span>${outcomeOf(reader, message)}</span></td></tr>`,
  )}</tbody></table>`;
}

function outcomeOf(reader: Reader, { sentAt, nextTryAt, problem, tries }: StoredMessage): Html {
  const { alerts: words } = reader.texts;
  if (sentAt !== null) return html`${words.sent}`;
  const reason =
    problem !== null && html`<small>${reasonWords(reader, problem)} (${words.tries}: ${number(reader, tries)})</small>`;
  if (nextTryAt === null) return html`<span class="warning">${words.givenUp}</span>${reason}`;
  if (problem === null) return html`${words.waiting}`;
  return html`<span class="warning">${words.tryAgain} ${moment(reader, nextTryAt)}</span>${reason}`;
}
