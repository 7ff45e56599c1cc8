// Says whether what a page of operators shows is of now.
"use strict";

const live = (is) => {
  document.body.classList.toggle("live", is);
  document.body.classList.toggle("not-live", !is);
};

document.addEventListener("htmx:sseOpen", (event) => {
  live(true);
  // The address says what the page had when it was loaded. EventSource itself sends on
  // what it has got since; a new one, which htmx makes after an answer that is no stream,
  // does not, and must not name what is no longer there.
  const connected = event.target;
  connected.setAttribute("sse-connect", connected.getAttribute("sse-connect").split("?")[0]);
});
document.addEventListener("htmx:sseError", () => live(false));
