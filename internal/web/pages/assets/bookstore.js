// What the pages do better with JavaScript, beside what htmx does. All of it works
// without.
"use strict";

// The list of suggestions under the search box: arrows walk through it, Escape and
// leaving close it.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("search");
  if (!form) return;
  const box = form.querySelector("input[type=search]");
  const list = document.getElementById("suggestions");
  let open = false; // as far as the reader is concerned
  const close = () => {
    open = false;
    list.replaceChildren();
    document.getElementById("suggestions-status").textContent = "";
  };

  // What is asked for or still on its way when the list is closed would open it again.
  // htmx could break it off, but calls that an error.
  box.addEventListener("input", () => { open = true; });
  box.addEventListener("htmx:beforeRequest", (event) => { if (!open) event.preventDefault(); });
  list.addEventListener("htmx:beforeSwap", (event) => { event.detail.shouldSwap &&= open; });

  form.addEventListener("keydown", (event) => {
    const links = [...list.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement); // -1: the box
    if (event.key === "Escape" && links.length > 0) {
      event.preventDefault(); // which would also empty the box
      close();
      box.focus();
    } else if (event.key === "ArrowDown" && at + 1 < links.length && (at >= 0 || document.activeElement === box)) {
      event.preventDefault();
      links[at + 1].focus();
    } else if (event.key === "ArrowUp" && at >= 0) {
      event.preventDefault();
      (at > 0 ? links[at - 1] : box).focus();
    }
  });

  form.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !form.contains(event.relatedTarget)) close();
  });
  document.addEventListener("click", (event) => {
    if (!form.contains(event.target)) close();
  });
});
