// What the pages do better with JavaScript, beside what htmx does. All of it works
// without.
"use strict";
