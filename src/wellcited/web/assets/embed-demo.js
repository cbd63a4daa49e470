/* The configurator: from the form to a snippet and a preview. Everything is set as text or as an attribute. */
(() => {
  "use strict";
  const form = document.querySelector("form");
  const preview = document.getElementById("preview");
  const snippet = document.getElementById("snippet");
  const host = new URL(".", location.href).href; // the page stands beside what it names, under whatever path
  let widget = null; // /widget.json: version, paths and digests
  let shown = null; // the chat or frame in the preview, and the way it was made

  const quoted = (value) => `"${value.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;")}"`;

  /* What was chosen, as attributes: only what differs from the usual. */
  function chosen() {
    const way = form.elements.way.value;
    const options = {};
    for (const name of ["title", "label", "greeting", "accent", "theme", "lang", "position"]) {
      const field = form.elements[name];
      if (!field.closest("label").hidden && field.value.trim()) options[name] = field.value.trim();
    }
    const questions = form.elements.questions.value.split("\n").map((line) => line.trim()).filter(Boolean);
    if (questions.length) options.questions = questions.some((line) => line.includes("|")) ? JSON.stringify(questions) : questions.join("|");
    for (const name of ["open", "remember"]) {
      const field = form.elements[name];
      if (!field.closest("label").hidden && field.checked) options[name] = "";
    }
    return { way, options };
  }

  function code({ way, options }) {
    const pinned = form.elements.pinned.checked && widget && way !== "frame";
    const attributes = (prefix) => Object.entries(options).map(([name, value]) => ` ${prefix}${name}${value === "" ? "" : `=${quoted(value)}`}`).join("\n ");
    const source = pinned
      ? `src="${host}${widget.scripts.widget.path}"\n  integrity="${widget.scripts.widget.integrity}" crossorigin="anonymous"`
      : `src="${host}widget.js"`;
    if (way === "corner") return `<script ${source} defer${attributes("data-")}></script>`;
    if (way === "text") return `<wellcited-chat${attributes("")}></wellcited-chat>\n<script ${source} defer></script>`;
    return `<iframe src=${quoted(frameAddress(options))} title=${quoted(options.title ?? "Ask the guide")}\n  width="100%" height="600" loading="lazy" allow="clipboard-write"></iframe>`;
  }

  function frameAddress(options) {
    const address = new URL("embed", host);
    for (const [name, value] of Object.entries(options)) address.searchParams.set(name, value);
    return address.href;
  }

  function show() {
    const { way } = chosen();
    for (const label of form.querySelectorAll("[data-for]")) label.hidden = !label.dataset.for.split(" ").includes(way);
    const choice = chosen();
    snippet.textContent = code(choice);
    document.getElementById("note").textContent = {
      corner: "Once, anywhere in the page: before </body>, or in <head>.",
      text: "The element where the chat shall stand, the script once anywhere. Its height: the custom property --wellcited-height.",
      frame: "The chat's own scripts run inside the frame, with this server's address. This server must allow your site to frame it (allowed_origins).",
    }[way];
    document.getElementById("policy").textContent =
      way === "frame" ? `frame-src ${location.origin}` : `script-src ${location.origin}; connect-src ${location.origin}`;
    look(choice);
  }

  /* The preview follows every key; a frame is loaded anew, and only when a field is left. */
  function look({ way, options }, settled = false) {
    if (shown?.way !== way) {
      shown?.node.remove();
      preview.replaceChildren();
      const node = document.createElement(way === "frame" ? "iframe" : "wellcited-chat");
      shown = { way, node };
      if (way === "corner") {
        const hint = document.createElement("p");
        hint.textContent = "Its button is in the corner of this window.";
        preview.append(hint);
        node.setAttribute("launcher", "");
      }
      if (way === "frame") node.title = "Preview of the frame";
      settled = true;
      put(options);
      (way === "corner" ? document.documentElement : preview).append(node);
    }
    if (way !== "frame" || settled) put(options);
  }

  function put(options) {
    const { way, node } = shown;
    if (way === "frame") {
      const address = frameAddress(options);
      if (node.src !== address) node.src = address;
      return;
    }
    for (const name of ["title", "label", "greeting", "accent", "theme", "lang", "position", "questions", "remember"]) {
      if (name in options) node.setAttribute(name, options[name]);
      else node.removeAttribute(name);
    }
    if (!("theme" in options)) node.setAttribute("theme", document.documentElement.dataset.theme ?? "auto");
  }

  form.addEventListener("input", (event) => {
    if (event.target.name === "colour") form.elements.accent.value = event.target.value;
    if (event.target.name === "accent" && /^#[0-9a-f]{6}$/i.test(event.target.value)) form.elements.colour.value = event.target.value;
    show();
  });
  form.addEventListener("change", () => look(chosen(), true));
  form.addEventListener("submit", (event) => event.preventDefault());
  new MutationObserver(show).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });

  document.getElementById("copy").addEventListener("click", async ({ currentTarget }) => {
    let done = true;
    try {
      await navigator.clipboard.writeText(snippet.textContent);
    } catch {
      getSelection().selectAllChildren(snippet);
      done = document.execCommand("copy");
    }
    currentTarget.textContent = done ? "Copied" : "Select it and copy";
    document.getElementById("told").textContent = currentTarget.textContent;
    setTimeout(() => {
      document.getElementById("copy").textContent = "Copy";
      document.getElementById("told").textContent = "";
    }, 1600);
  });

  fetch(`${host}widget.json`)
    .then((response) => response.json())
    .then((told) => {
      widget = told;
      show();
    })
    .catch(() => {}); // without it nothing can be pinned
  show();
})();
