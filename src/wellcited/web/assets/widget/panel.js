/*! The chat of wellcited's widget. The source, with its comments: src/wellcited/web/assets/widget */
/* Fetched by widget.js when a reader opens it, and handed over in an event. What a server, a page or a reader writes
   becomes text nodes, never markup; addresses are http(s) or they are no links. Nothing is minified; the server fills in
   WORDS and leaves out the lines that are comments. */
(() => {
  "use strict";
  const WORDS = /* WORDS */ {};
  const SLOW = 8_000; // ms, then the reader is told that it takes long
  const PATIENCE = 30_000; // ms, then it is given up
  const PAUSE = 300; // ms before anything says "looking": most answers are faster

  const CSS_TEXT = `
.root { --paper: #fbf9f4; --soft: #586059; --line: #e4dfd4; --edge: #868d84; --wash: #eef3ef; --asked: #ece7da; --red: #a3231b; --red-wash: #fdf2f0; --red-fill: #a3231b; --amber: #7f4d00; --amber-wash: #fcf4e4; --blue: #28557f; --blue-wash: #eef4fa; }
.root[data-dark] { --paper: #141816; --soft: #a7b0aa; --line: #303835; --edge: #7d8882; --wash: #222b28; --asked: #29332f; --red: #ffb4ab; --red-wash: #2c1b19; --red-fill: #c9392f; --amber: #f1c581; --amber-wash: #2a2214; --blue: #a3c8ec; --blue-wash: #19242e; }
.frame, .frame *, .frame *::before, .frame *::after { box-sizing: border-box; }
.frame { display: flex; flex-direction: column; margin: 0; padding: 0; border: 1px solid var(--line); background: var(--wellcited-background, var(--paper)); color: var(--wellcited-text, var(--ink)); text-align: start; overflow: hidden; overflow-wrap: anywhere; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
.frame:focus-visible { outline-offset: -2px; }
.frame:not([open]):not(.inline) { display: none; }
.frame:not(.inline) { position: fixed; inset: auto; bottom: var(--wellcited-offset-y, 1.25em); inset-inline-end: var(--wellcited-offset-x, 1.25em); width: min(var(--wellcited-width, 25em), 100vw - 2em); max-width: none; height: min(var(--wellcited-height, 40em), 100vh - 2.5em); max-height: none; border-radius: var(--wellcited-radius, 1.1em); box-shadow: 0 .2em .6em #0000001f, 0 1em 3em #0000003d; animation: arrive .16s ease-out; }
.left .frame:not(.inline) { right: auto; left: var(--wellcited-offset-x, 1.25em); }
.right .frame:not(.inline) { left: auto; right: var(--wellcited-offset-x, 1.25em); }
.frame.inline { width: 100%; height: var(--wellcited-height, 36em); border-radius: var(--wellcited-radius, 1em); }
@keyframes arrive { from { opacity: 0; transform: translateY(.6em); } }
:is(h2, h3, p, ul, blockquote) { margin: 0; padding: 0; font: inherit; }
:is(h2, h3, p, .ask, .quiet, .button) { unicode-bidi: plaintext; } /* each text in its own direction */
ul { list-style: none; }
a { color: var(--accent); text-underline-offset: .18em; text-decoration-thickness: .06em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.serif { font-family: var(--wellcited-quote-font, Charter, "Bitstream Charter", "Sitka Text", Cambria, Georgia, "Noto Serif", "Liberation Serif", serif); }

.bar { display: flex; align-items: center; gap: .6em; flex: none; padding: .6em .5em .6em 1em; border-bottom: 1px solid var(--line); }
.bar h2 { flex: 1; min-width: 0; font-weight: 600; font-size: 1.06em; line-height: 1.3; max-height: 2.6em; overflow: hidden; }
.mark { display: grid; padding: .25em; border-radius: .5em; background: var(--fill); color: var(--on-fill); }
.mark svg { width: 1.15em; height: 1.15em; stroke-width: 2; }
.square { display: grid; place-items: center; width: 2.5em; height: 2.5em; border-radius: .6em; color: var(--soft); }
.square:hover { background: var(--wash); color: var(--ink); }
.square svg { width: 1.25em; height: 1.25em; }

.talk { flex: 1; min-height: 0; padding: 1em; overflow-y: auto; overscroll-behavior: contain; outline-offset: -3px; position: relative; }
.welcome .greeting { color: var(--soft); }
.ideas > p { margin: 1em 0 .5em; color: var(--soft); font-size: .9em; }
.ideas ul { display: grid; gap: .45em; }
.ask { display: block; width: 100%; min-height: 2.6em; padding: .55em .9em; border: 1px solid var(--line); border-radius: .8em; background: var(--surface); line-height: 1.4; transition: border-color .15s; }
.ask:hover { border-color: var(--accent); background: var(--wash); }
.turn + .turn { margin-top: 1.6em; }
.asked { display: flex; justify-content: flex-end; }
.asked p { max-width: 88%; padding: .5em .9em; border-radius: 1.1em; border-end-end-radius: .3em; background: var(--asked); white-space: pre-wrap; }
.reply { margin-top: 1em; animation: arrive .18s ease-out; }
.said p + p { margin-top: .7em; }
.quoted { position: relative; padding-inline-start: 1em; font-size: 1.06em; line-height: 1.55; }
.quoted::before { content: ""; position: absolute; inset: .2em auto .2em 0; inset-inline: 0 auto; border-inline-start: 3px solid var(--accent); opacity: .45; }
.keep { white-space: nowrap; }
.own { margin-bottom: .6em; font-weight: 600; }
.smalltalk .own { font-weight: 400; }
.number { display: inline-block; min-width: max(24px, 1.9em); margin-inline-start: .35em; padding: 0 .35em; border-radius: .5em; background: var(--wash); font: 600 .8em/max(24px, 1.9em) var(--wellcited-font, system-ui, sans-serif); text-align: center; text-decoration: none; vertical-align: .1em; }
a.number:hover { background: var(--fill); color: var(--on-fill); }
details { border-bottom: 1px solid var(--line); }
.sources { margin-top: .9em; border-top: 1px solid var(--line); font-size: .92em; }
summary { display: flex; align-items: center; gap: .5em; min-height: 2.5em; padding: .3em 0; color: var(--soft); line-height: 1.35; list-style: none; cursor: pointer; }
summary::-webkit-details-marker { display: none; }
summary::after { content: ""; flex: none; width: .42em; height: .42em; margin: 0 .3em 0 auto; margin-inline: auto .3em; border: solid; border-width: 0 1.75px 1.75px 0; transform: translateY(-.1em) rotate(45deg); }
[open] > summary::after { transform: translateY(.1em) rotate(225deg); }
summary:hover { color: var(--ink); }
summary .number { margin: 0; color: var(--accent); }
summary .number + .number { margin-inline-start: -.25em; }
.held { padding: .1em 0 .9em; }
.held li + li { margin-top: 1em; }
.held blockquote { line-height: 1.5; white-space: pre-line; font-size: 1.08em; }
.held blockquote + p { margin-top: .35em; }
.place-of { color: var(--soft); }
.quiet { min-height: 24px; margin-top: .7em; color: var(--soft); font-size: .92em; text-decoration: underline; text-underline-offset: .2em; }
.quiet:hover { color: var(--accent); }
.button { min-height: 2.6em; margin-top: .7em; padding: .4em 1.1em; border-radius: .7em; background: var(--fill); color: var(--on-fill); font-weight: 600; }
.button[aria-disabled] { background: var(--wash); color: var(--soft); cursor: default; }
.problem { padding: .9em 1em; border: 1px solid var(--edge); border-radius: .9em; background: var(--surface); }
.problem p + p { margin-top: .4em; }
.problem .detail { color: var(--soft); font-size: .92em; }

.card { padding: 1em 1.1em 1.1em; border: 1px solid; border-inline-start-width: 5px; border-radius: .9em; }
.card h3 { font-weight: 700; font-size: 1.22em; line-height: 1.3; }
.card .message { margin-top: .7em; }
.card .message p { color: var(--ink); }
.card .message p + p { margin-top: .45em; }
.card a { color: inherit; font-weight: 700; white-space: nowrap; }
.emergency { border-color: var(--red); background: var(--red-wash); }
.emergency h3 { color: var(--red); }
.urgent { border-color: var(--amber); background: var(--amber-wash); }
.urgent h3 { color: var(--amber); }
.professional { border-color: var(--blue); background: var(--blue-wash); }
.professional h3 { color: var(--blue); }
.numbers { display: flex; flex-wrap: wrap; gap: .5em; margin-top: .8em; }
.numbers li { flex: 1; }
.card .numbers a { display: block; padding: .55em .4em; border-radius: .7em; background: var(--red-fill); color: #fff; font-size: 1.15em; line-height: 1.3; text-align: center; text-decoration: none; font-variant-numeric: tabular-nums; }
.numbers small { font-size: .75em; font-weight: 500; }

.status { display: flex; align-items: center; gap: .6em; min-height: 1.5em; margin-top: .8em; color: var(--soft); font-size: .92em; }
.status:empty { min-height: 0; margin: 0; }
.dots { display: flex; gap: .25em; }
.dots i { width: .4em; height: .4em; border-radius: 50%; background: currentColor; animation: dot 1s infinite alternate; }
.dots i:nth-child(2) { animation-delay: .2s; }
.dots i:nth-child(3) { animation-delay: .4s; }
@keyframes dot { to { opacity: .25; } }

.composer { flex: none; padding: .3em .8em .4em; }
.field { display: flex; align-items: flex-end; gap: .3em; padding: .3em; border: 1.5px solid var(--edge); border-radius: 1.25em; background: var(--surface); }
.field:focus-within { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent); }
textarea { all: unset; outline: none !important; flex: 1; min-width: 0; max-height: 8em; padding: .45em .2em .45em .7em; overflow-y: auto; white-space: pre-wrap; line-height: 1.4; field-sizing: content; cursor: text; }
textarea::placeholder { color: var(--soft); opacity: 1; }
.send { display: grid; place-items: center; flex: none; width: 2.35em; height: 2.35em; border-radius: .95em; background: var(--fill); color: var(--on-fill); }
.send:hover, .button:hover { filter: brightness(1.12); }
.notice { padding: 0 .4em .4em; color: var(--amber); font-size: .92em; }
.fine { flex: none; padding: 0 1em max(.6em, env(safe-area-inset-bottom)); color: var(--soft); font-size: .82em; line-height: 1.4; text-align: center; text-wrap: balance; }

.sheet.frame { inset: var(--top, 0) 0 auto; width: 100%; height: var(--tall, 100dvh); border: 0; border-radius: 0; box-shadow: none; }
.sheet::backdrop { background: var(--paper); }
/* A phone on its side, or a page at 400 %: all of it scrolls as one, and only the question stays in place. */
@media (max-height: 26em) {
  .frame:not(.inline) { display: block; overflow-y: auto; overscroll-behavior: contain; }
  .frame:not(.inline) .talk { overflow: visible; }
  .frame:not(.inline) .composer { position: sticky; bottom: 0; background: var(--paper); }
  .frame:not(.inline) textarea { max-height: 2.8em; }
}
/* Forced colours take backgrounds and shadows away: what they told is told by borders. */
@media (forced-colors: active) {
  :is(.send, .button, .number, .mark, .asked p, .numbers a) { border: 1px solid; }
  .field:focus-within { outline: 2px solid Highlight; }
}
@media (prefers-reduced-motion: reduce) { .root * { animation: none !important; transition: none !important; } }
@media print { .frame:not(.inline), .composer { display: none; } }`;

  /* Return the chat built into `chat`, a <wellcited-chat>; `kit` is what widget.js shares with it. */
  function build(chat, kit) {
    const { SERVED, QUOTES, host, narrow, make, icon, call, calls, style } = kit;
    const { root, inline } = chat;
    const KEY = `wellcited ${host}`;
    const words = () => WORDS[chat.language];
    const calm = matchMedia("(prefers-reduced-motion: reduce)");

    let about = {}; // what the server says of its guide
    let turns = []; // [{question, answer}], sent along as the history
    let ticket = null; // the request under way: {abort, turn, question, timers}
    let opener = null; // what had the focus before
    let isOpen = false;

    /* ---- the window ---- */

    style(chat.shadowRoot, CSS_TEXT);
    const button = (name, d, act) => {
      const node = make("button", { type: "button", class: name, part: name.split(" ").pop() }, ...(d ? [icon(d)] : []));
      node.addEventListener("click", act);
      return node;
    };
    const title = make("h2", { id: "title", class: "serif", part: "title", dir: "auto" });
    const again = button("square restart", "M12 5v14M5 12h14", () => restart());
    const shut = button("square close", "M6 6l12 12M18 6L6 18", () => close());
    const greeting = make("p", { class: "greeting", part: "greeting", dir: "auto" });
    const welcome = make("div", { class: "welcome" }, greeting);
    const log = make("div", { role: "log", "aria-live": "polite", "aria-relevant": "additions" });
    const status = make("p", { class: "status", part: "status", role: "status" });
    const talk = make("div", { class: "talk", part: "log", role: "group", tabindex: "0" }, welcome, log, status);
    const notice = make("p", { class: "notice", part: "notice", role: "alert" });
    const label = make("label", { class: "unseen", for: "question" });
    const keys = make("p", { class: "unseen", id: "keys" });
    const field = make("textarea", { id: "question", part: "input", rows: "1", dir: "auto", "aria-describedby": "keys", enterkeyhint: "send", autocomplete: "off" });
    const send = make("button", { type: "submit", class: "send", part: "send" }, icon("M12 19V6M6 11.500L12 5.500l6 6"));
    const composer = make("form", { class: "composer", part: "composer" }, notice, label, make("div", { class: "field", part: "field" }, field, send), keys);
    const fine = make("p", { class: "fine", part: "footer" });
    const frame = make(
      inline ? "section" : "dialog",
      { class: inline ? "frame inline" : "frame", part: "panel", "aria-labelledby": "title", tabindex: "-1" },
      make("header", { class: "bar", part: "header" }, make("span", { class: "mark" }, icon(QUOTES)), title, again, ...(inline ? [] : [shut])),
      talk,
      composer,
      fine,
    );
    notice.hidden = true;
    again.hidden = true;
    root.append(frame);

    composer.addEventListener("submit", (event) => {
      event.preventDefault();
      ask(field.value);
    });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      ask(field.value);
    });
    field.addEventListener("input", () => {
      tell("");
      fit();
    });
    if (!inline) {
      frame.addEventListener("keydown", (event) => {
        if (event.key === "Escape" && !event.isComposing) close();
      });
      frame.addEventListener("cancel", (event) => {
        event.preventDefault(); // Escape, or a phone's back gesture
        close();
      });
      narrow.addEventListener("change", () => isOpen && lay());
      for (const type of ["resize", "scroll"]) window.visualViewport?.addEventListener(type, fitScreen);
    }

    fetch(`${host}widget.json`, { credentials: "omit" })
      .then((response) => response.json())
      .then((told) => {
        about = told ?? {};
        update();
      })
      .catch(() => {}); // the chat works without

    /* Show what the attributes say now. */
    function update() {
      const say = words();
      const name = chat.option("title") || text(about.title) || say.launch;
      title.textContent = name;
      chat.fill && paint();
      for (const [node, hint] of [[again, say.restart], [shut, say.close], [send, say.send]]) {
        node.setAttribute("aria-label", hint);
        node.title = hint;
      }
      talk.setAttribute("aria-label", say.log);
      label.textContent = say.label;
      keys.textContent = say.keys;
      field.placeholder = say.placeholder;
      greeting.textContent = chat.option("greeting") || say.greeting;
      fine.replaceChildren(`${say.fine} `, calls(say.help));
      welcome.replaceChildren(greeting, ideas(say.examples, questions()));
      if (!chat.flag("remember")) forget();
    }

    /* Text in the accent's colour must be read on every ground of the theme: darken or lighten it until it is. */
    function paint() {
      let colour = channels(chat.fill);
      const grounds = (chat.dark ? ["#1b211f", "#29332f"] : ["#ffffff", "#ece7da"]).map((ground) => luminance(channels(ground)));
      const readable = () => {
        const mine = luminance(colour);
        return grounds.every((ground) => (Math.max(mine, ground) + 0.05) / (Math.min(mine, ground) + 0.05) >= 4.5);
      };
      while (!readable()) colour = colour.map((part) => (chat.dark ? part + (255 - part) * 0.06 : part * 0.94));
      root.style.setProperty("--accent", `rgb(${colour.map((part) => (chat.dark ? Math.ceil(part) : Math.floor(part))).join(" ")})`);
    }

    function questions() {
      const given = chat.option("questions");
      if (given === undefined || given === null) return list(about.questions).slice(0, 4);
      try {
        return list(JSON.parse(given));
      } catch {
        return given.split("|").map((question) => question.trim()).filter(Boolean);
      }
    }

    function open(focus) {
      if (inline) {
        frame.scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
        if (focus) rest();
        return;
      }
      if (!isOpen) {
        opener = document.activeElement === chat ? null : document.activeElement;
        isOpen = true;
        chat.button.hidden = true;
        chat.setAttribute("open", "");
        lay();
        chat.emit("open");
      }
      if (focus) rest();
    }

    /* Give the focus a place. On a phone the field would call up the keyboard, which hides what there is to read. */
    function rest() {
      (narrow.matches ? talk : field).focus({ preventScroll: true });
    }

    /* A sheet over the whole of a small screen is modal; beside a page's text on a large one it is not. */
    function lay() {
      const focused = chat.shadowRoot.activeElement;
      frame.classList.toggle("sheet", narrow.matches);
      if (frame.open) frame.close();
      if (narrow.matches) frame.showModal();
      else frame.setAttribute("open", ""); // unlike show(), this leaves the focus where it is
      fitScreen();
      if (focused) focused.focus({ preventScroll: true });
    }

    /* Stay above the keyboard of a phone; a page that is only zoomed in stays as it is. */
    function fitScreen() {
      const seen = window.visualViewport;
      if (!seen || !isOpen) return;
      const zoomed = Math.abs(seen.scale - 1) > 0.01;
      for (const [name, size] of [["--tall", seen.height], ["--top", seen.offsetTop]]) {
        if (narrow.matches && !zoomed) root.style.setProperty(name, `${size}px`);
        else root.style.removeProperty(name);
      }
    }

    function close() {
      if (!isOpen) return;
      const inside = chat.shadowRoot.activeElement !== null;
      isOpen = false;
      stop();
      frame.close();
      frame.removeAttribute("open");
      chat.button.hidden = false;
      chat.removeAttribute("open");
      if (inside) (opener?.isConnected && opener !== document.body ? opener : chat.button).focus({ preventScroll: true });
      chat.emit("close");
    }

    /* ---- a question and its answer ---- */

    /* Ask; the promise holds the answer, or null where there is none. One question at a time. */
    async function ask(question) {
      if (ticket) return null;
      if (!question.trim()) {
        tell(words().empty);
        return null;
      }
      tell("");
      if (field.value === question) field.value = ""; // anything else is a draft of the next question
      fit();
      const mine = { abort: new AbortController(), question, turn: addQuestion(question) };
      ticket = mine;
      mine.timers = [
        setTimeout(() => wait(mine.turn, words().looking), PAUSE),
        setTimeout(() => wait(mine.turn, words().slow), SLOW),
        setTimeout(() => mine.abort.abort(), PATIENCE),
      ];
      chat.emit("ask", { question });
      let answer = null;
      let shown = null;
      let trouble = null;
      try {
        answer = await post(question, mine.abort.signal);
        shown = reply(answer);
      } catch (error) {
        answer = null;
        trouble = error.said ? error : { status: 0, said: mine.abort.signal.aborted ? words().late : words().gone };
      }
      if (ticket !== mine) return null; // closed or begun anew meanwhile
      settle();
      if (answer) {
        turns.push({ question, answer });
        store();
        mine.turn.append(shown);
        chat.emit("answer", { question, answer });
      } else {
        mine.turn.append(problem(trouble, mine));
        if (!field.value) field.value = question;
        fit();
        chat.emit("error", { status: trouble.status, detail: trouble.detail || trouble.said });
      }
      show(mine.turn);
      return answer;
    }

    function wait(turn, said) {
      const dots = make("span", { class: "dots", "aria-hidden": "true" }, make("i"), make("i"), make("i"));
      status.replaceChildren(dots, said);
      show(turn);
    }

    async function post(question, signal) {
      const response = await fetch(`${host}api/ask`, {
        method: "POST",
        mode: "cors",
        credentials: "omit",
        referrerPolicy: "no-referrer",
        headers: { "Content-Type": "application/json", ...(chat.option("token") && { Authorization: `Bearer ${chat.option("token")}` }) },
        body: JSON.stringify({ question, history: history() }),
        signal,
      });
      const body = await response.json().catch(() => null);
      if (response.ok && isAnswer(body)) return body;
      const say = words();
      const { status } = response;
      const said =
        { 401: say.denied, 403: say.denied, 413: say.refused, 422: say.refused, 429: say.busy, 503: say.unready }[status] ?? say.broken;
      throw Object.assign(new Error(said), {
        status,
        said,
        detail: text(body?.errors?.[0]) || text(body?.detail),
        wait: status === 429 || status === 503 ? seconds(response.headers.get("Retry-After") ?? body?.retry_after) : 0,
      });
    }

    /* The conversation, as much as the server takes. Earlier answers go first: only what a reader wrote is read. What was
       referred to a professional stays longest, since it still counts. */
    function history() {
      const messages = turns.flatMap(({ question, answer }) => [
        { role: "user", content: question, weight: answer.kind === "referral" ? 2 : 1 },
        { role: "assistant", content: answer.text, weight: 0 },
      ]);
      const size = (all) => new TextEncoder().encode(all.map((message) => message.content).join("")).length;
      for (let weight = 0; weight <= 2; weight += 1) {
        while (messages.length > SERVED.turns || size(messages) > SERVED.bytes) {
          const oldest = messages.findIndex((message) => message.weight === weight);
          if (oldest < 0) break;
          messages.splice(oldest, 1);
        }
      }
      return messages.map(({ role, content }) => ({ role, content }));
    }

    /* End the request under way; its question goes back into the field. */
    function stop() {
      if (!ticket) return;
      const { abort, turn, question } = ticket;
      settle();
      abort.abort();
      turn.remove();
      welcome.hidden = turns.length > 0;
      again.hidden = turns.length === 0;
      if (!field.value) field.value = question;
      fit();
    }

    function settle() {
      ticket.timers.forEach(clearTimeout);
      ticket = null;
      status.replaceChildren();
    }

    function restart() {
      const inside = chat.shadowRoot.activeElement !== null;
      stop();
      turns = [];
      store();
      log.replaceChildren();
      welcome.hidden = false;
      again.hidden = true;
      tell("");
      field.value = "";
      fit();
      talk.scrollTop = 0;
      if (inside) rest();
    }

    function addQuestion(question) {
      welcome.hidden = true;
      again.hidden = false;
      const turn = make(
        "article",
        { class: "turn" },
        make("div", { class: "asked" }, make("h3", { class: "unseen" }, words().asked), make("p", { part: "question", dir: "auto" }, question)),
      );
      log.append(turn);
      show(turn);
      return turn;
    }

    /* ---- an answer as elements ---- */

    function reply(answer) {
      const say = words();
      const box = make("div", { class: `reply ${answer.kind}`, part: "answer" });
      if (answer.kind === "referral") {
        box.append(card(answer));
        return box;
      }
      box.append(make("h3", { class: "unseen" }, say.said));
      const own = (line, lang) => make("p", { class: "own", dir: "auto", lang }, line);
      if (answer.kind === "answer") {
        if (answer.confidence < SERVED.unsure) box.append(own(say.hedge));
        box.append(said(answer), make("div", { class: "sources", role: "group", "aria-label": say.sources }, ...sources(answer.citations)), more(say.more, answer.further));
        const copied = button("quiet copy", "", () => copy(copied, answer));
        copied.textContent = say.copy;
        box.append(copied);
      } else {
        const silent = answer.kind === "not_covered" && chat.language !== "en";
        box.append(own(silent ? say.notCovered : answer.text, silent ? null : "en"), more(say.nearest, answer.further));
      }
      box.append(ideas(answer.kind === "not_covered" ? say.covers : say.examples, list(answer.suggestions)));
      return box;
    }

    /* The words of an answer, one quote a line, each with its number; a marker such as [1] becomes that number. */
    function said({ text: words, citations }) {
      const shown = new Set();
      /* A number stays on the line of the word before it; a very long word may still be broken. */
      const number = (found, parts) => {
        shown.add(found.number);
        const before = parts.at(-1);
        const last = (typeof before === "string" && /\S{1,24}$/.exec(before)?.[0]) || "";
        if (last) parts.push(parts.pop().slice(0, -last.length));
        parts.push(make("span", { class: "keep" }, last, numbered(found)));
      };
      const lines = words.split(/\n+/).filter((line) => line.trim()).map((line) => {
        const parts = [];
        line.split(/\s*\[(\d{1,2})\]/).forEach((part, at) => {
          const found = at % 2 && citations.find((citation) => citation.number === Number(part));
          if (found) number(found, parts);
          else parts.push(at % 2 ? ` [${part}]` : part);
        });
        return parts;
      });
      if (!lines.length) lines.push([]);
      for (const citation of citations) if (!shown.has(citation.number)) number(citation, lines.at(-1));
      return make("div", { class: "said quoted serif", part: "quote", lang: tongue(about.language) }, ...lines.map((parts) => make("p", { dir: "auto" }, ...parts)));
    }

    /* The number of a citation: a link to the guide's page at the passage. */
    function numbered(citation) {
      const say = words();
      const name = say.source.replace("{n}", citation.number).replace("{where}", () => trail(citation).at(-1));
      const address = link(citation);
      if (!address) return make("span", { class: "number" }, String(citation.number));
      return make("a", { class: "number", part: "citation", href: address, target: "_blank", rel: "noopener", "aria-label": `${name} (${say.newTab})` }, String(citation.number));
    }

    /* The citations in folds, one for each place: its numbers and heading, in it the exact quotes and the way there. */
    function sources(citations) {
      const places = new Map();
      for (const citation of citations) {
        const key = JSON.stringify([citation.title, citation.headings]);
        places.set(key, [...(places.get(key) ?? []), citation]);
      }
      return [...places.values()].map((held) =>
        make(
          "details",
          { part: "source" },
          make("summary", {}, ...held.map(({ number }) => make("span", { class: "number" }, String(number))), make("span", { dir: "auto" }, trail(held[0]).at(-1))),
          make("ul", { class: "held" }, ...held.map((citation) => make("li", {}, quote(citation)))),
        ),
      );
    }

    function quote(citation) {
      const address = link(citation);
      const way = make("p", {}, make("span", { class: "place-of", dir: "auto" }, trail(citation).join(" › ")));
      if (address) {
        const say = words();
        way.append(make("br"), make("a", { href: address, target: "_blank", rel: "noopener" }, say.inGuide, make("span", { class: "unseen" }, ` (${say.newTab})`)));
      }
      return make("div", {}, make("blockquote", { class: "serif", dir: "auto", lang: tongue(about.language) }, citation.quote), way);
    }

    /* Further quotes, folded. */
    function more(name, further) {
      if (!further.length) return "";
      return make(
        "details",
        { class: "further", part: "further" },
        make("summary", {}, `${name} (${further.length})`),
        make("ul", { class: "held" }, ...further.map((citation) => make("li", {}, quote(citation)))),
      );
    }

    function ideas(name, asked) {
      if (!asked.length) return "";
      const items = asked.map((question) => {
        const item = button("ask suggestion", "", () => {
          ask(question);
          rest(); // the button may be gone
        });
        item.dir = "auto";
        item.textContent = question;
        return make("li", {}, item);
      });
      return make("div", { class: "ideas", part: "suggestions" }, make("p", {}, name), make("ul", {}, ...items));
    }

    /* A referral: what it is, numbers to call where it is an emergency, and the message a sentence a line. */
    function card({ text: message, triage }) {
      const lang = Object.hasOwn(WORDS, triage.language) ? triage.language : "en";
      const say = WORDS[lang];
      const name = say[triage.tier] ?? say.urgent;
      const box = make("section", { class: `card ${triage.tier}`, part: "referral", lang, "aria-label": name }, make("h3", {}, name));
      if (triage.tier === "emergency") {
        const numbers = SERVED.numbers.map((number) => {
          const item = call(number);
          item.prepend(make("small", {}, say.call), " ");
          return make("li", {}, item);
        });
        box.append(make("ul", { class: "numbers" }, ...numbers));
      }
      // Someone frightened or in pain reads short lines; “quoted words” are the reader's own, and stay whole.
      const lines = (message || triage.message).replace(/([.!?])[ \t]+(?=[A-ZÀ-Þ“¿¡])(?![^“]*”)/g, "$1\n").split("\n");
      box.append(make("div", { class: "message" }, ...lines.filter((line) => line.trim()).map((line) => make("p", { dir: "auto" }, ...dialable(line)))));
      return box;
    }

    /* A line with its telephone numbers (112, 116 123, 0808 2000 247) as links, those in “quoted words” left alone. */
    function dialable(line) {
      const found = /“[^”]*”|(^|[^\p{L}\p{N}_+.,-])(\+?\d{1,4}(?:[ -]\d{3,4}){1,3}|\d{3})(?![\p{L}\p{N}_-]|[.,]\d)/gu;
      const parts = [];
      let at = 0;
      for (const match of line.matchAll(found)) {
        if (!match[2]) continue;
        const start = match.index + match[1].length;
        parts.push(line.slice(at, start), call(match[2]));
        at = start + match[2].length;
      }
      return [...parts, line.slice(at)];
    }

    /* What went wrong, whom to call all the same, and a way to ask again. */
    function problem({ status: code, said, detail, wait = 0 }, { turn, question }) {
      const say = words();
      const retry = button("button retry", "", () => {
        if (ticket || retry.getAttribute("aria-disabled")) return;
        turn.remove();
        ask(question);
        rest(); // the button is gone
      });
      retry.textContent = say.retry;
      const box = make("div", { class: "reply problem", part: "error" }, make("h3", { class: "unseen" }, say.said), make("p", {}, said));
      // What a reader can mend is told; the rest is for whoever runs the site.
      if (detail && [413, 422].includes(code)) box.append(make("p", { class: "detail", dir: "auto", lang: "en" }, detail));
      if (wait > 0) {
        box.append(make("p", { class: "detail" }, say.wait.replace("{s}", wait)));
        retry.setAttribute("aria-disabled", "true");
        setTimeout(() => retry.removeAttribute("aria-disabled"), wait * 1000);
      }
      box.append(make("p", {}, calls(say.help)), retry);
      return box;
    }

    async function copy(node, answer) {
      const lines = answer.citations.map((citation) => `[${citation.number}] ${[citation.title, ...trail(citation)].join(" › ")}\n    ${link(citation) ?? ""}`);
      const all = [answer.text, "", words().sources, ...lines].join("\n");
      let done = true;
      try {
        await navigator.clipboard.writeText(all);
      } catch {
        const box = make("textarea", { class: "unseen" }); // the clipboard is closed to a page without TLS, this way is not
        box.value = all;
        frame.append(box);
        box.select();
        done = document.execCommand("copy");
        box.remove();
        node.focus({ preventScroll: true });
      }
      const told = done ? words().copied : words().notCopied;
      node.textContent = told;
      status.textContent = told;
      setTimeout(() => {
        node.textContent = words().copy;
        if (status.textContent === told) status.replaceChildren();
      }, 1600);
    }

    /* Show the end of a turn; of one taller than the window, its beginning. */
    function show(turn) {
      const box = talk.scrollHeight > talk.clientHeight ? talk : frame;
      const top = turn.getBoundingClientRect().top - box.getBoundingClientRect().top + box.scrollTop;
      const tall = turn.offsetHeight + 40 > box.clientHeight;
      box.scrollTo({ top: tall ? top - 12 : box.scrollHeight, behavior: calm.matches ? "auto" : "smooth" });
    }

    function tell(line) {
      notice.textContent = line;
      notice.hidden = !line;
    }

    /* Browsers that know `field-sizing` do this by themselves. */
    function fit() {
      if (CSS.supports("field-sizing", "content")) return;
      field.style.height = "auto";
      field.style.height = `${field.scrollHeight}px`;
    }

    /* ---- what is kept: nothing, or with `remember` the conversation until the tab is closed ---- */

    function store() {
      try {
        if (chat.flag("remember") && turns.length) sessionStorage.setItem(KEY, JSON.stringify(turns));
        else forget();
      } catch {
        /* storage is full or closed: the conversation lasts as long as the page */
      }
    }

    function forget() {
      try {
        sessionStorage.removeItem(KEY);
      } catch {
        /* storage is closed: nothing was kept */
      }
    }

    function restore() {
      try {
        const kept = chat.flag("remember") ? JSON.parse(sessionStorage.getItem(KEY)) : [];
        turns = list(kept, ({ question, answer }) => typeof question === "string" && isAnswer(answer));
        for (const { question, answer } of turns) addQuestion(question).append(reply(answer));
      } catch {
        restart(); // what was kept is broken
      }
    }

    /* ---- addresses ---- */

    /* Where a citation leads: the publisher's own page where the server names it (`source_url`), or the guide's page
       there; null for what is no http(s) address. */
    function link(citation) {
      for (const address of [citation.source_url, citation.url]) {
        try {
          const found = /^\/(?![/\\])/.test(address) ? new URL(host + address.slice(1)) : new URL(address);
          if (/^https?:$/.test(found.protocol)) return found.href;
        } catch {
          /* no address: try the next */
        }
      }
      return null;
    }

    update();
    restore();
    return {
      open,
      close,
      ask,
      restart,
      update,
      get isOpen() {
        return isOpen;
      },
    };
  }

  /* ---- values from outside, taken for what they should be ---- */

  const text = (value) => (typeof value === "string" ? value : "");
  const list = (value, test = (item) => typeof item === "string" && item.trim()) => (Array.isArray(value) ? value.filter((item) => item && test(item)) : []);
  const tongue = (value) => (/^[a-z]{2,3}$/.test(value) ? value : null);
  const isCitation = (value) => ["title", "quote", "url"].every((name) => typeof value?.[name] === "string") && Number.isInteger(value.number) && Array.isArray(value.headings);
  const isAnswer = (value) =>
    ["answer", "referral", "not_covered", "smalltalk"].includes(value?.kind) &&
    typeof value.text === "string" &&
    typeof value.triage?.message === "string" &&
    [value.citations, value.further].every((all) => Array.isArray(all) && all.every(isCitation)) &&
    Array.isArray(value.suggestions) &&
    (value.kind !== "answer" || value.citations.length > 0);

  /* The headings above a quote, outermost first, without the guide's title unless that is all there is. */
  function trail({ title, headings }) {
    const path = headings.map(String).filter((heading, at) => at > 0 || heading !== title);
    return path.length ? path : [title];
  }

  /* Retry-After: seconds or a date -> seconds, at least 1 and at most an hour; 0 where there is none. */
  function seconds(value) {
    if (value === null || value === undefined) return 0;
    const wait = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
    return Number.isFinite(wait) ? Math.min(3600, Math.max(1, Math.ceil(wait))) : 0;
  }

  /* "#17594f" -> red, green and blue from 0 to 255, and their relative luminance as WCAG 2.2 defines it. */
  const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  function luminance(colour) {
    const [r, g, b] = colour.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  document.currentScript.dispatchEvent(new CustomEvent("wellcited:panel", { detail: build }));
})();
