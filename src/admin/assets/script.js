// Only makes nicer what works without it.
const { copy, copied } = document.body.dataset;

for (const code of document.querySelectorAll("[data-copyable]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = copy;
  button.addEventListener("click", async () => {
    await toClipboard(code);
    button.textContent = copied;
    setTimeout(() => {
      button.textContent = copy;
    }, 2_000);
  });
  code.after(button);
}

/** Browsers give the clipboard to pages of HTTPS only; elsewhere the old way works. */
async function toClipboard(code) {
  if (navigator.clipboard) return navigator.clipboard.writeText(code.textContent);
  getSelection().selectAllChildren(code);
  document.execCommand("copy");
  getSelection().removeAllRanges();
}

// The address that a path will have, as the service brings it into its form.
for (const preview of document.querySelectorAll("[data-preview]")) {
  const field = document.getElementById(preview.dataset.preview);
  const show = () => {
    const path = field.value.normalize("NFC").toLowerCase().trim().replace(/\s/g, "-");
    preview.textContent = preview.dataset.before + (encodeURIComponent(path) || "…") + preview.dataset.after;
  };
  field.addEventListener("input", show);
  show();
}

// Times and days in the form that this browser's people use, and in their zone.
const hourAndMinute = { hour: "2-digit", minute: "2-digit" };
const dayAndMonth = { day: "numeric", month: "short" };
const forms = {
  moment: (at) => new Date(at).toLocaleString(),
  hour: (at) => new Date(at).toLocaleTimeString([], hourAndMinute),
  // A day without a time is the same everywhere.
  day: (at) => new Date(at).toLocaleDateString([], { ...dayAndMonth, ...(at.length > 10 ? {} : { timeZone: "UTC" }) }),
  part: partOf,
};

function partOf(at, hours) {
  if (at.length === 10) return new Date(at).toLocaleDateString([], { dateStyle: "medium", timeZone: "UTC" });
  const form = new Intl.DateTimeFormat([], { ...hourAndMinute, ...(hours > 1 ? dayAndMonth : {}) });
  return form.formatRange(new Date(at), new Date(Date.parse(at) + hours * 3_600_000));
}

function showLocalTimes() {
  for (const time of document.querySelectorAll("time")) {
    const form = forms[time.className];
    if (form) time.textContent = form(time.dateTime, Number(time.dataset.hours));
    if (time.title) time.title = forms.moment(time.dateTime);
  }
  for (const bar of document.querySelectorAll("g[data-at]")) {
    const title = bar.querySelector("title");
    const name = partOf(bar.dataset.at, Number(bar.closest("svg").dataset.hours));
    title.textContent = title.textContent.replace(/^.*?: /, `${name}: `);
  }
}

/** A finger or the arrow keys choose a bar of a chart; its values stand below. */
function nameBars() {
  for (const svg of document.querySelectorAll(".chart svg:not([tabindex])")) {
    const bars = [...svg.querySelectorAll("g")];
    const readout = document.createElement("output");
    readout.className = "readout";
    svg.closest(".plot").after(readout);
    let chosen = bars.length;
    const choose = (index) => {
      bars[chosen]?.classList.remove("current");
      chosen = Math.min(Math.max(index, 0), bars.length - 1);
      bars[chosen].classList.add("current");
      readout.textContent = bars[chosen].querySelector("title").textContent;
    };
    svg.setAttribute("tabindex", "0");
    svg.addEventListener("focus", () => choose(chosen));
    svg.addEventListener("pointerdown", ({ target }) => {
      const bar = target.closest("g");
      if (bar) choose(bars.indexOf(bar));
    });
    svg.addEventListener("keydown", (event) => {
      const to = { ArrowLeft: chosen - 1, ArrowRight: chosen + 1, Home: 0, End: bars.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      choose(to);
    });
  }
}
showLocalTimes();
nameBars();

// What was typed survives a change of the language and the end of a session: the same page gets it back.
const isSignIn = location.pathname === "/admin/sign-in/";
const draftName = "draft";

function restoreDraft() {
  const draft = JSON.parse(sessionStorage.getItem(draftName) ?? "null");
  if (!draft) return;
  if (isSignIn) return sessionStorage.setItem(draftName, JSON.stringify({ ...draft, isInterrupted: true }));
  sessionStorage.removeItem(draftName);
  if (!draft.isInterrupted || draft.page !== location.pathname) return;
  for (const [id, value, isChecked] of draft.fields) {
    const field = document.getElementById(id);
    if (!field || (field.value === value && (field.checked ?? null) === isChecked)) continue;
    Object.assign(field, { value, checked: isChecked });
    field.closest("details")?.setAttribute("open", "");
    field.dispatchEvent(new Event("input"));
  }
}

document.addEventListener("submit", ({ target }) => {
  const isInterrupted = target.classList.contains("languages");
  if (isSignIn && !isInterrupted) return;
  const fields = [...document.querySelectorAll("main :is(input, select, textarea)[id]:not([type=password])")];
  const typed = fields.map(({ id, value, checked }) => [id, value, checked]);
  sessionStorage.setItem(draftName, JSON.stringify({ page: location.pathname, fields: typed, isInterrupted }));
});
restoreDraft();

// What is live is loaded again now and then while somebody looks, and says so when that fails.
const everyMs = 10_000;
const patienceMs = 4_000;
let freshAt = new Date();
let isAsking = false;
let note;
if (document.querySelector("[data-live]")) {
  setInterval(refresh, everyMs);
  document.addEventListener("visibilitychange", refresh);
}

async function refresh() {
  if (document.hidden || isAsking) return;
  isAsking = true;
  const waiting = new AbortController();
  const timers = [setTimeout(sayNoAnswer, patienceMs), setTimeout(() => waiting.abort(), everyMs - 500)];
  try {
    const { signal } = waiting;
    const response = await fetch(location.href, { headers: { "x-refresh": "yes" }, signal });
    if (new URL(response.url).pathname === "/admin/sign-in/") return saySignedOut(response.url);
    if (!response.ok) return sayNoAnswer();
    show(new DOMParser().parseFromString(await response.text(), "text/html"));
  } catch {
    sayNoAnswer();
  } finally {
    for (const timer of timers) clearTimeout(timer);
    isAsking = false;
  }
}

function show(page) {
  freshAt = new Date();
  note?.remove();
  note = undefined;
  document.title = page.title;
  // Not while somebody is in the middle of something.
  if (!getSelection().isCollapsed || document.querySelector("[data-live] :focus")) return;
  for (const part of document.querySelectorAll("[data-live]")) {
    const open = [...part.querySelectorAll("details[open][id]")].map(({ id }) => id);
    part.innerHTML = page.querySelector(`[data-live="${part.dataset.live}"]`)?.innerHTML ?? part.innerHTML;
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  }
  showLocalTimes();
  nameBars();
}

function sayNoAnswer() {
  const { noAnswer } = document.body.dataset;
  say(noAnswer.replace("%", freshAt.toLocaleTimeString()));
}

function saySignedOut(address) {
  const { signedOut, signIn } = document.body.dataset;
  const link = document.createElement("a");
  link.href = address;
  link.textContent = signIn;
  say(signedOut, " ", link);
}

function say(...words) {
  if (!note) {
    note = document.createElement("p");
    note.className = "notice problem stale";
    note.setAttribute("role", "alert");
    document.querySelector("main").prepend(note);
    document.title = `(!) ${document.title}`;
  }
  // The same words again would be read out again.
  const text = words.map((word) => word.textContent ?? word).join("");
  if (note.textContent !== text) note.replaceChildren(...words);
}
