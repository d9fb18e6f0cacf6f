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

function showLocalTimes() {
  for (const time of document.querySelectorAll("time.moment"))
    time.textContent = new Date(time.dateTime).toLocaleString(document.documentElement.lang);
  for (const time of document.querySelectorAll("time[title]"))
    time.title = new Date(time.dateTime).toLocaleString(document.documentElement.lang);
}
showLocalTimes();

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
  for (const part of document.querySelectorAll("[data-live]"))
    part.innerHTML = page.querySelector(`[data-live="${part.dataset.live}"]`)?.innerHTML ?? part.innerHTML;
  showLocalTimes();
}

function sayNoAnswer() {
  const { noAnswer } = document.body.dataset;
  say(noAnswer.replace("%", freshAt.toLocaleTimeString(document.documentElement.lang)));
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
