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

// What is live is loaded anew now and then, while somebody looks and is not in the middle of something.
if (document.querySelector("[data-live]")) setInterval(refresh, 10_000);

async function refresh() {
  if (document.hidden || !getSelection().isCollapsed || document.querySelector("[data-live] :focus")) return;
  const response = await fetch(location.href, { headers: { "x-refresh": "yes" } }).catch(() => undefined);
  if (!response?.ok || response.redirected) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]"))
    part.innerHTML = page.querySelector(`[data-live="${part.dataset.live}"]`)?.innerHTML ?? part.innerHTML;
  showLocalTimes();
}
