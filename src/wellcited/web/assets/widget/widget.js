/*! wellcited's widget. The source, with its comments: src/wellcited/web/assets/widget; its manual: docs/embedding.md */
/* A button on the page, or a <wellcited-chat> in its text, where readers ask the guide. A page loads this file alone; the
   chat itself (panel.js) comes when a reader opens it. Nothing is minified; the server fills in SERVED and leaves out
   the lines that are comments. At most 5 kB of gzip: what only an open chat needs stands in panel.js. */
(() => {
  "use strict";
  const SERVED = /* SERVED */ {};
  const TAG = "wellcited-chat";
  if (customElements.get(TAG)) return; // included twice

  const page = document.documentElement;
  const own = document.currentScript ?? document.querySelector('script[src*="widget.js"]');
  const host = own.src.replace(/(widget\/[^/]+\/)?widget\.js([?#].*)?$/, "");
  const narrow = matchMedia("(max-width: 34em), (max-height: 26em)");
  const night = matchMedia("(prefers-color-scheme: dark)");

  /* An element; strings become text, never markup. */
  function make(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) if (value != null) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  function icon(d) {
    const [svg, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", d);
    svg.append(path);
    return svg;
  }
  const QUOTES = "M5 17.500c0-5.300 1.700-8.700 5.200-10.400M5 15.300a2.400 2.400 0 1 0 4.800 0a2.400 2.400 0 1 0-4.800 0M13.500 17.500c0-5.300 1.700-8.700 5.200-10.400M13.500 15.300a2.400 2.400 0 1 0 4.800 0a2.400 2.400 0 1 0-4.800 0";

  const call = (number) => make("a", { href: `tel:${number.replace(/[^0-9+*#]/g, "")}` }, number);
  const calls = (words) =>
    make("span", { class: "calls", part: "emergency" }, words, ...SERVED.numbers.flatMap((number) => [" ", call(number)]));

  /* A style sheet that `style-src 'none'` lets pass; browsers without such sheets get a <style>. */
  function style(shadow, text) {
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(text);
      shadow.adoptedStyleSheets = [...shadow.adoptedStyleSheets, sheet];
    } catch {
      shadow.append(make("style", { nonce: own.nonce }, text));
    }
  }

  /* Load a script that hands the chat's builder over in an event, so that it needs no global name. For a page that
     requires Trusted Types, the policy "wellcited" must be allowed. */
  let policy;
  function script(src, integrity) {
    const node = make("script", { crossorigin: "anonymous", integrity });
    return new Promise((resolve, reject) => {
      setTimeout(reject, 9000);
      node.addEventListener("wellcited:panel", (event) => resolve(event.detail));
      node.onload = node.onerror = reject;
      node.nonce = own.nonce;
      policy ??= window.trustedTypes?.createPolicy("wellcited", { createScriptURL: (address) => address });
      node.src = policy ? policy.createScriptURL(src) : src;
      document.head.append(node);
    }).finally(() => node.remove());
  }
  let building;
  const builder = () =>
    (building ??= script(host + SERVED.panel, SERVED.integrity)
      // The server was renewed since this page was loaded, and has another chat now. A page that pins this file by its
      // digest wants no other.
      .catch((error) => (own.integrity ? Promise.reject(error) : script(`${host}widget/panel.js`)))
      .catch((error) => {
        building = null;
        throw error;
      }));

  const CSS_TEXT = `
/* Among important rules those in here win over those of the page, so that no page can hide or bend the widget. */
:host { all: initial !important; display: block !important; }
:host([launcher]) { position: fixed !important; z-index: var(--wellcited-z-index, 2147483647) !important; }
.root { all: initial; display: block; font: 1em/1.5 var(--wellcited-font, system-ui, sans-serif); color-scheme: light; --surface: #fff; --ink: #1f2421; color: var(--ink); }
.root[data-dark] { color-scheme: dark; --surface: #1b211f; --ink: #e9e7e0; }
[hidden] { display: none !important; }
svg { width: 1.4em; height: 1.4em; flex: none; fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linecap: round; }
button { all: unset; box-sizing: border-box; cursor: pointer; }
.calls a { display: inline-block; min-width: 24px; line-height: 24px; text-align: center; color: inherit; }
.corner { position: fixed; bottom: max(var(--wellcited-offset-y, 1.25em), env(safe-area-inset-bottom)); inset-inline-end: var(--wellcited-offset-x, 1.25em); max-width: min(22em, 100vw - 2.5em); box-shadow: 0 0 0 1px #fff9, 0 .3em 1.4em #0004; }
.left .corner { right: auto; left: var(--wellcited-offset-x, 1.25em); }
.right .corner { left: auto; right: var(--wellcited-offset-x, 1.25em); }
.launcher { display: flex; align-items: center; gap: .55em; padding: .9em 1.3em .9em 1.1em; border: 1px solid transparent; border-radius: 2em; background: var(--fill); color: var(--on-fill); font-weight: 600; line-height: 1.25; }
.launcher:hover { filter: brightness(1.15); }
.launcher:focus-visible { outline: 3px solid var(--fill); outline-offset: 3px; }
.launcher[aria-busy] svg { opacity: .4; transition: opacity .3s .3s; }
.place { height: var(--wellcited-height, 36em); }
.failed { margin: 0 0 4.5em; padding: 1em 1.2em; border-radius: 1em; background: var(--surface); }
@media (max-width: 34em) { .auto { padding: 1em; } .auto span { position: absolute; clip-path: inset(50%); } }
@media print { .corner { display: none; } }`;

  class Chat extends HTMLElement {
    static observedAttributes = "title greeting accent position lang questions theme label remember open".split(" ");

    constructor() {
      super();
      style(this.attachShadow({ mode: "open" }), CSS_TEXT);
    }

    connectedCallback() {
      if (this.root) return; // moved within the page
      // The empty title keeps the element's own from covering the text as a tooltip.
      const root = (this.root = make("div", { part: "root", title: "" }));
      this.shadowRoot.append(root);
      // The page's shortcuts ("/" for its search) must not fire while somebody types here.
      root.addEventListener("keydown", (event) => event.key === "Escape" && this.failed?.remove());
      for (const type of ["keydown", "keypress", "keyup"]) root.addEventListener(type, (event) => event.stopPropagation());
      night.addEventListener("change", () => this.update());
      this.button = make("button", { type: "button", part: "launcher", "aria-haspopup": "dialog" }, icon(QUOTES), make("span"));
      this.button.onclick = () => this.open();
      this.inline = !this.hasAttribute("launcher");
      if (this.inline) {
        this.button.hidden = true; // unless loading fails
        root.append((this.place = make("div", { class: "place" }, this.button)));
        const seen = ([entry], near) => entry.isIntersecting && (near.disconnect(), this.load());
        new IntersectionObserver(seen, { rootMargin: "300px" }).observe(this.place);
      } else root.append(this.button);
      this.update();
      // A chat that the page opens takes neither the focus nor, on a phone, the whole screen.
      if (this.flag("open") && !this.inline && !narrow.matches) this.open(false);
      else this.removeAttribute("open");
    }

    attributeChangedCallback(name, before, now) {
      if (!this.root || before === now) return;
      if (name !== "open") this.update();
      else if (!this.inline && this.flag(name, now) !== this.isOpen) this.isOpen ? this.close() : this.open(false);
    }

    /* What the element says, or else the script's data-*. */
    option(name) {
      return this.getAttribute(name) ?? own.dataset[name];
    }

    flag(name, value = this.option(name)) {
      return !/^(false|no|off|0)$/i.test(value ?? "no");
    }

    get isOpen() {
      return !!this.panel?.isOpen;
    }

    /* Show what the attributes say now. */
    update() {
      const { root, button } = this;
      const tongue = (this.option("lang") ?? this.closest("[lang]")?.lang ?? page.lang).slice(0, 2).toLowerCase();
      this.language = root.lang = Object.hasOwn(SERVED.words, tongue) ? tongue : "en";
      const theme = this.option("theme");
      this.dark = theme === "dark" || (theme !== "light" && night.matches);
      root.toggleAttribute("data-dark", this.dark);
      root.className = `root ${/(left|right)$/.exec(this.option("position"))?.[0] ?? ""}`;
      // A canvas reads every way to write an sRGB colour, and ignores what is none.
      const paint = document.createElement("canvas").getContext("2d");
      const usual = (paint.fillStyle = this.dark ? "#8ad0c1" : "#17594f");
      paint.fillStyle = this.option("accent") ?? getComputedStyle(this).getPropertyValue("--wellcited-accent");
      this.fill = /^#/.test(paint.fillStyle) ? paint.fillStyle : usual;
      // The relative luminance of WCAG 2.2, nearly (2.2 for its curve): black or white on it has 4.5:1 or better.
      const light = [0.2126, 0.7152, 0.0722].reduce((sum, part, at) => sum + part * (parseInt(this.fill.slice(2 * at + 1, 2 * at + 3), 16) / 255) ** 2.2, 0);
      root.style.setProperty("--fill", this.fill);
      root.style.setProperty("--on-fill", light > 0.18 ? "#000" : "#fff");
      const label = this.option("label");
      button.lastChild.textContent = label ?? SERVED.words[this.language][0];
      button.className = `launcher ${this.inline ? "" : "corner"} ${label ? "" : "auto"}`;
      this.panel?.update();
    }

    /* Fetch the chat; where that fails, say so, and whom to call all the same. */
    async load() {
      const { button } = this;
      this.failed?.remove();
      button.setAttribute("aria-busy", "true");
      try {
        const build = await builder();
        this.place?.remove();
        this.panel ??= build(this, { SERVED, QUOTES, host, narrow, make, icon, call, calls, style });
      } catch {
        const [, unloaded, help] = SERVED.words[this.language];
        this.failed = make("p", { class: `failed ${this.inline ? "" : "corner"}`, part: "notice", role: "alert" }, unloaded, make("br"), calls(help));
        button.hidden = false;
        this.failed.onclick = () => this.failed.remove();
        button.before(this.failed);
        this.emit("error", { status: 0, detail: unloaded });
      }
      button.removeAttribute("aria-busy");
      return this.panel;
    }

    emit(name, detail = {}) {
      this.dispatchEvent(new CustomEvent(`wellcited:${name}`, { bubbles: true, composed: true, detail }));
    }

    /* A method. What a framework assigns to it, taking it for a property, becomes the attribute. */
    get open() {
      return async (focus = true) => (await this.load())?.open(focus);
    }

    set open(value) {
      this.toggleAttribute("open", value != null && value !== false);
    }

    close() {
      this.panel?.close();
    }

    restart() {
      this.panel?.restart();
    }

    /* Open the chat and ask; the promise holds the answer, or null where there is none. */
    async ask(question) {
      await this.open();
      return this.panel?.ask(String(question)) ?? null;
    }
  }
  customElements.define(TAG, Chat);

  let only;
  const ready = new Promise((done) =>
    document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", done) : done(),
  ).then(() => {
    if (own.dataset.launcher === "off" || document.querySelector(TAG)) return;
    // Beside <body>, not in it: no `:last-child` rule, transform or new content of the page touches it there.
    page.append((only = make(TAG, { launcher: "" })));
  });
  // The script's data-* and the page's language may change while the page is open.
  const watch = new MutationObserver(() => document.querySelectorAll(TAG).forEach((chat) => chat.update()));
  watch.observe(page, { attributeFilter: ["lang"] });
  watch.observe(own, { attributes: true });

  window.wellcited = { version: SERVED.version };
  for (const name of ["open", "close", "ask", "restart"]) {
    window.wellcited[name] = (value) => ready.then(() => (only ?? document.querySelector(TAG))?.[name](value));
  }
})();
