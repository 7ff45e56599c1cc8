// What the harness asks a page. Answers of { done: false, why } are asked for again.
({
  // all elements that match, those that can be seen first
  all(selector) {
    let found;
    if (selector.startsWith("/")) {
      const hits = document.evaluate(selector, document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null);
      found = Array.from({ length: hits.snapshotLength }, (_, i) => hits.snapshotItem(i));
    } else {
      found = [...document.querySelectorAll(selector)];
    }
    return [...found.filter(this.visible), ...found.filter((element) => !this.visible(element))];
  },

  visible(element) {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 &&
      element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  },

  shown(selector) {
    return this.all(selector).filter(this.visible);
  },

  text(element) {
    return element.innerText.replace(/\s+/g, " ").trim();
  },

  describe(element) {
    return element ? element.cloneNode(false).outerHTML : "nothing";
  },

  absent(selector) {
    const there = this.all(selector).length;
    return { done: false, why: there ? `${there} are there, none can be seen` : "no such element" };
  },

  // Questions

  page() {
    return { URL: location.href, Title: document.title, Text: document.body?.innerText ?? "" };
  },

  visibleOne(selector) {
    return this.shown(selector).length ? { done: true, value: true } : this.absent(selector);
  },

  gone(selector) {
    const [first] = this.shown(selector);
    return { done: !first, why: `still there: ${first && this.describe(first)}`, value: true };
  },

  count(selector, wanted) {
    const there = this.shown(selector).length;
    return { done: wanted < 0 || there === wanted, why: `${there} can be seen`, value: there };
  },

  textOf(selector) {
    const [first] = this.shown(selector);
    return first ? { done: true, value: this.text(first) } : this.absent(selector);
  },

  texts(selector) {
    return { done: true, value: this.shown(selector).map((element) => this.text(element)) };
  },

  says(selector, part) {
    const texts = this.shown(selector).map((element) => this.text(element));
    if (!texts.length) return this.absent(selector);
    return { done: texts.some((text) => text.includes(part)), why: `it says ${JSON.stringify(texts)}`, value: true };
  },

  valueOf(selector) {
    const [first] = this.all(selector);
    return first ? { done: true, value: String(first.value) } : this.absent(selector);
  },

  attribute(selector, name) {
    const [first] = this.all(selector);
    return first ? { done: true, value: first.getAttribute(name) ?? "" } : this.absent(selector);
  },

  at(part) {
    return { done: location.href.includes(part), why: `it is ${location.href}`, value: true };
  },

  // loadedSince tells whether another document than the one of that origin is complete
  loadedSince(origin) {
    if (performance.timeOrigin === origin) return { done: false, why: "the page is still the same" };
    return { done: document.readyState === "complete", why: `it is ${document.readyState}`, value: true };
  },

  // Steps

  // usable brings an element into view and returns where to click it, and when that was,
  // on the clock of animations: at the same time everything is in the same place
  usable(selector) {
    const [element] = this.shown(selector);
    if (!element) return this.absent(selector);
    if (element.matches(":disabled")) return { done: false, why: `disabled: ${this.describe(element)}` };
    element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
    if (element.getAnimations().some((animation) => animation.pending)) return { done: false, why: "it begins to move" };
    const box = element.getClientRects()[0];
    const point = { x: box.left + box.width / 2, y: box.top + box.height / 2, time: document.timeline.currentTime };
    const hit = document.elementFromPoint(point.x, point.y);
    if (!element.contains(hit) && hit?.closest("label")?.control !== element) {
      return { done: false, why: `${this.describe(element)} is covered by ${this.describe(hit)}` };
    }
    return { done: true, value: point };
  },

  focus(selector) {
    const [element] = this.shown(selector);
    if (!element) return this.absent(selector);
    if (element.matches(":disabled")) return { done: false, why: `disabled: ${this.describe(element)}` };
    element.focus();
    if (document.activeElement !== element) return { done: false, why: `can't be focused: ${this.describe(element)}` };
    try {
      element.setSelectionRange?.(element.value.length, element.value.length);
    } catch { /* fields of numbers and dates have no caret to move */ }
    return { done: true, value: true };
  },

  clear(selector) {
    const focused = this.focus(selector);
    if (focused.done) document.activeElement.select?.();
    return focused;
  },

  set(selector, value) {
    const focused = this.focus(selector);
    if (!focused.done) return focused;
    const element = document.activeElement;
    element.value = value;
    if (element.value !== value) return { done: false, why: `${this.describe(element)} takes no ${JSON.stringify(value)}` };
    element.dispatchEvent(new Event("input", { bubbles: true }));
    element.dispatchEvent(new Event("change", { bubbles: true }));
    return focused;
  },

  // wider lists what sticks out to the right of the window
  wider() {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const out = [...document.body.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > width + 0.5);
    return out.map((element) => this.describe(element)).slice(0, 10);
  },
})
