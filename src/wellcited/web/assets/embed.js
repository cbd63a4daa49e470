/* /embed?title=...&accent=...: what the address says becomes the attributes of the chat. */
(() => {
  "use strict";
  const chat = document.querySelector("wellcited-chat");
  const address = new URLSearchParams(location.search);
  for (const name of ["title", "greeting", "accent", "lang", "questions", "theme", "remember"]) {
    if (address.has(name)) chat.setAttribute(name, address.get(name));
  }
  if (address.has("lang")) document.documentElement.lang = address.get("lang");
})();
