"use strict";
// Filters, the view in the address, figures inside opened claims, copying. All is readable without.
const form = document.getElementById("filters");
const claims = [...document.querySelectorAll("details.claim")];
const sections = [...document.querySelectorAll("section.experiment")];
const keys = [...form.elements].map((field) => field.name).filter(Boolean);

function apply() {
  const words = form.elements.q.value.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = keys.filter((key) => key !== "q" && form.elements[key].value);
  let shown = 0;
  for (const claim of claims) {
    const fits =
      chosen.every((key) => claim.dataset[key] === form.elements[key].value) &&
      words.every((word) => claim.dataset.text.includes(word));
    claim.hidden = !fits;
    shown += fits;
  }
  const filtered = words.length + chosen.length > 0;
  for (const section of sections) {
    section.hidden = filtered && !section.querySelector("details.claim:not([hidden])");
  }
  document.getElementById("count").textContent = `${shown} of ${claims.length} claims`;
  document.getElementById("nothing").hidden = shown > 0;
}

function remember() {
  const view = new URLSearchParams();
  for (const key of keys) if (form.elements[key].value) view.set(key, form.elements[key].value);
  history.replaceState(null, "", `#${view.toString() || "ledger"}`);
}

function restore() {
  const hash = location.hash.slice(1);
  const target = hash && document.getElementById(decode(hash));
  if (target) {
    reveal(target);
    return;
  }
  const view = new URLSearchParams(hash);
  if (![...view.keys()].some((key) => keys.includes(key))) return;
  form.reset();
  for (const key of keys) if (view.has(key)) form.elements[key].value = view.get(key);
  apply();
  document.getElementById("ledger").scrollIntoView();
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function reveal(target) {
  if (target.hidden || target.closest("[hidden]")) {
    form.reset();
    apply();
  }
  for (let at = target; at; at = at.parentElement) if (at.matches("details")) at.open = true;
  target.scrollIntoView();
}

function showFigures(claim) {
  const place = claim.querySelector(".shown");
  if (!place || place.querySelector("figure")) return;
  const images = claim.closest("section.experiment").querySelector(".images");
  const copies = images.cloneNode(true);
  copies.removeAttribute("id");
  place.append(copies);
}

function addCopyButton(command) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    const code = command.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code); // not allowed here: one key does the rest
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  command.append(button);
}

form.hidden = false;
form.addEventListener("input", () => (apply(), remember()));
form.addEventListener("reset", () => setTimeout(() => (apply(), remember())));
form.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("expand").addEventListener("click", () => {
  for (const claim of claims) if (!claim.hidden) claim.open = true;
});
for (const claim of claims) {
  claim.addEventListener("toggle", () => claim.open && showFigures(claim));
}
document.querySelectorAll(".command").forEach(addCopyButton);
for (const cell of document.querySelectorAll("[data-view]")) {
  const link = document.createElement("a");
  link.href = `#${cell.dataset.view}`;
  link.append(...cell.childNodes);
  cell.append(link);
}
// Browsers that cannot open details by the print style sheet.
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const one of closed) one.open = true;
});
addEventListener("afterprint", () => closed.forEach((one) => (one.open = false)));
addEventListener("hashchange", restore);
restore();
