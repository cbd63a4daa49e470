/* The conversation in the page: ask, show what the server wrote, open a passage beside it.
   Answers arrive as HTML in which the server has escaped every character; questions are set as text here. */
(() => {
  "use strict";
  const KEY = "wellcited-conversation";
  const narrow = window.matchMedia("(max-width: 63.99rem), (max-height: 30rem)"); // the passage is a sheet
  const short = window.matchMedia("(max-height: 30rem)"); // the window scrolls as one
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

  let shell = null; // the window's root element
  let turns = []; // [{question, reply}], what is sent along as history
  let ticket = null; // {waiting}, the request under way; an answer to any other ticket is late and dropped
  let opener = null; // the button whose passage is open
  let connected;
  const server = new Promise((resolve) => (connected = resolve));

  const find = (selector) => shell.querySelector(selector);
  const make = (tag, name, text = "") => {
    const node = document.createElement(tag);
    node.className = name;
    node.textContent = text;
    return node;
  };

  /* Gradio calls this once its component is there. The window that came with the page moves in as it is. */
  window.wellcited = {
    connect(element, bridge) {
      const early = document.getElementById("wellcited-early");
      if (early) {
        const focused = document.activeElement;
        const at = scroller().scrollTop;
        element.replaceChildren(shell);
        early.remove();
        scroller().scrollTop = at;
        if (shell.contains(focused)) focused.focus({ preventScroll: true });
      } else {
        start(element.querySelector(".wc"));
      }
      connected(bridge);
    },
  };

  function start(root) {
    shell = root;
    shell.addEventListener("click", onClick);
    shell.addEventListener("keydown", onKey);
    find("form").addEventListener("submit", (event) => {
      event.preventDefault();
      ask(field().value);
    });
    field().addEventListener("input", () => {
      notice("");
      fit();
    });
    narrow.addEventListener("change", layPassage);
    short.addEventListener("change", () => {
      const last = find(".turn:last-child");
      if (last) reveal(last); // what scrolls is another box now, and begins at its top
    });
    restore();
    if (!narrow.matches) field().focus({ preventScroll: true });
  }

  const field = () => find("textarea");
  const scroller = () => (short.matches ? shell : find(".talk"));
  const characters = (text) => [...text].length;

  async function ask(question) {
    if (ticket) return;
    const longest = Number(shell.dataset.longest);
    if (!question.trim()) return notice("Please type a question first.");
    if (characters(question) > longest) {
      return notice(
        `That is ${characters(question).toLocaleString("en")} characters, and a question may have ` +
          `${longest.toLocaleString("en")}. Please ask in fewer words.`,
      );
    }
    notice("");
    closePassage(false);
    if (field().value === question) field().value = ""; // anything else is a draft of the next question
    fit();
    const turn = addQuestion(question);
    const mine = { waiting: setTimeout(() => (find(".status").textContent = "Looking in the guide…"), 250) };
    ticket = mine;
    let reply;
    try {
      const history = turns.flatMap((past) => [
        { role: "user", content: past.question },
        { role: "assistant", content: past.reply.text },
      ]);
      reply = await inTime(server.then((bridge) => bridge.ask({ question, history })));
      if (typeof reply?.html !== "string") throw new Error("no reply");
    } catch {
      reply = null;
    }
    if (ticket !== mine) return; // a new conversation was started meanwhile
    dropTicket();
    if (reply === null) addUnreached(turn, question);
    else addReply(turn, reply);
    if (reply === null || reply.kind === "problem") {
      if (!field().value) field().value = question;
      fit();
    } else {
      turns.push({ question, reply });
      store();
    }
    reveal(turn);
  }

  /* A server that never answers must not keep the window waiting for good. */
  function inTime(answer) {
    let late;
    const limit = new Promise((_, reject) => {
      late = setTimeout(() => reject(new Error("no answer in time")), 1000 * shell.dataset.patience);
    });
    return Promise.race([answer, limit]).finally(() => clearTimeout(late));
  }

  function dropTicket() {
    clearTimeout(ticket?.waiting);
    ticket = null;
    find(".status").textContent = "";
  }

  function addQuestion(question) {
    find(".welcome").hidden = true;
    for (const button of shell.querySelectorAll("[data-new]")) button.hidden = false;
    const turn = make("article", "turn");
    const asked = make("div", "asked");
    const words = make("p", "words", question);
    words.dir = "auto";
    asked.append(make("h2", "unseen", "You asked"), words);
    turn.append(asked);
    find(".log").append(turn);
    reveal(turn);
    return turn;
  }

  function addReply(turn, reply) {
    const box = make("div", `reply ${reply.kind}`);
    box.innerHTML = reply.html;
    box.prepend(make("h2", "unseen", reply.kind === "problem" ? "A note" : "The guide"));
    box.dataset.copy = reply.copy;
    turn.append(box);
  }

  function addUnreached(turn, question) {
    const box = make("div", "reply problem");
    const said = make("div", "said own");
    said.append(make("p", "", "The guide could not be reached just now. Your question is still here."));
    const calls = make("p", "emergency-calls"); // whoever asked may need more than a guide, and it is silent
    calls.append(...find(".fine .emergency-calls").cloneNode(true).childNodes);
    said.append(calls);
    const again = make("button", "quiet", "Ask again");
    again.type = "button";
    again.addEventListener("click", () => {
      if (ticket) return;
      turn.remove();
      field().focus({ preventScroll: true }); // the button that had the focus is gone
      ask(question);
    });
    const tools = make("p", "tools");
    tools.append(again);
    box.append(said, tools);
    turn.append(box);
  }

  /* Show the end of the turn; of a turn taller than the window, its beginning. */
  function reveal(turn) {
    const box = scroller();
    const top = turn.getBoundingClientRect().top - box.getBoundingClientRect().top + box.scrollTop;
    const height = box.clientHeight - (short.matches ? find(".composer").offsetHeight : 0); // it lies over the end
    box.scrollTo({
      top: turn.offsetHeight > height - 48 ? top - (short.matches ? 0 : 24) : top + turn.offsetHeight - height + 48,
      behavior: calm.matches ? "auto" : "smooth",
    });
  }

  function startAgain() {
    turns = [];
    store();
    dropTicket();
    closePassage(false);
    find(".log").replaceChildren();
    find(".welcome").hidden = false;
    find("header [data-new]").hidden = true;
    notice("");
    field().value = "";
    fit();
    scroller().scrollTop = 0;
    field().focus({ preventScroll: true });
  }

  function openPassage(button) {
    const template = button.closest(".reply").querySelector(`template[data-passage="${CSS.escape(button.dataset.cite)}"]`);
    if (!template) return;
    const again = opener === button;
    closePassage(again);
    if (again) return;
    opener = button;
    button.setAttribute("aria-expanded", "true");
    const panel = find(".panel");
    const shown = panel.querySelector(".shown");
    shown.replaceChildren(template.content.cloneNode(true));
    panel.hidden = false;
    shell.classList.add("with-panel");
    layPassage();
    shown.scrollTop = 0;
    const mark = shown.querySelector("mark");
    const below = mark ? mark.getBoundingClientRect().bottom - shown.getBoundingClientRect().bottom + 96 : 0;
    if (below > 0) shown.scrollTop = Math.min(below, mark.getBoundingClientRect().top - shown.getBoundingClientRect().top - 16);
    panel.focus({ preventScroll: true });
    if (!narrow.matches) button.scrollIntoView({ block: "nearest" });
  }

  function closePassage(returnFocus) {
    if (!opener) return;
    const button = opener;
    opener = null;
    button.setAttribute("aria-expanded", "false");
    find(".panel").hidden = true;
    shell.classList.remove("with-panel");
    layPassage();
    if (returnFocus) button.focus({ preventScroll: true });
  }

  /* An open passage lies over a small window, which is out of reach meanwhile, and beside the talk in a large one.
     A window may become the other while the passage is open: a tablet is turned. */
  function layPassage() {
    const panel = find(".panel");
    const over = opener !== null && narrow.matches;
    if (over) panel.setAttribute("aria-modal", "true");
    else panel.removeAttribute("aria-modal");
    find(".veil").hidden = !over;
    const outside = !panel.contains(document.activeElement);
    for (const part of [".bar", ".talk", ".composer", ".fine"]) find(part).inert = over;
    if (over && outside) panel.focus({ preventScroll: true });
  }

  async function copy(button) {
    const text = button.closest(".reply").dataset.copy.replace(
      /^ {4}(\/.*)/gm,
      (_, path) => `    ${new URL(path, location.href).href}`,
    );
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      done = copyByHand(text);
    }
    const label = button.textContent;
    button.textContent = done ? "Copied" : "Copying is not allowed here";
    find(".status").textContent = done ? "Copied" : "";
    setTimeout(() => {
      button.textContent = label;
      find(".status").textContent = "";
    }, 1600);
  }

  /* The clipboard is closed to pages served without TLS; this older way is not. */
  function copyByHand(text) {
    const box = make("textarea", "unseen");
    box.value = text;
    shell.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    return done;
  }

  function onClick(event) {
    const button = event.target.closest("button, .veil");
    if (!button) return;
    if (button.matches("[data-cite]")) openPassage(button);
    else if (button.matches("[data-close], .veil")) closePassage(true);
    else if (button.matches("[data-new]")) startAgain();
    else if (button.matches("[data-copy]")) copy(button);
    else if (button.matches("[data-ask]")) {
      ask(button.textContent);
      if (!narrow.matches) field().focus({ preventScroll: true });
    }
  }

  function onKey(event) {
    if (event.key === "Escape" && opener) {
      event.preventDefault();
      closePassage(true);
    } else if (event.key === "Enter" && event.target === field() && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      ask(field().value);
    }
  }

  function notice(text) {
    find(".notice").textContent = text;
    find(".notice").hidden = !text;
  }

  /* Browsers that know `field-sizing` do this by themselves. */
  function fit() {
    if (CSS.supports("field-sizing", "content")) return;
    field().style.height = "auto";
    field().style.height = `${field().scrollHeight}px`;
  }

  /* The conversation outlives a reload of this tab, and ends with the tab. */
  function store() {
    try {
      if (turns.length) sessionStorage.setItem(KEY, JSON.stringify(turns));
      else sessionStorage.removeItem(KEY);
    } catch {
      /* storage is full or closed: the conversation lasts as long as the page */
    }
  }

  function restore() {
    try {
      turns = JSON.parse(sessionStorage.getItem(KEY)) ?? [];
    } catch {
      turns = [];
    }
    for (const { question, reply } of turns) addReply(addQuestion(question), reply);
    if (turns.length) scroller().scrollTop = scroller().scrollHeight; // the welcome is read from its beginning
  }

  const early = document.querySelector("#wellcited-early .wc");
  if (early) start(early);
})();
