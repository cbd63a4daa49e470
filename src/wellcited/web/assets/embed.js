/* /embed?title=...&accent=...#token=...: what the address says becomes the attributes of the chat. What stands behind
   the # is sent to no server, and the page around may set it anew without loading the frame again. */
(() => {
  "use strict";
  const chat = document.querySelector("wellcited-chat");
  const address = new URLSearchParams(location.search);
  for (const name of ["title", "greeting", "accent", "lang", "questions", "theme", "remember"]) {
    if (address.has(name)) chat.setAttribute(name, address.get(name));
  }
  if (address.has("lang")) document.documentElement.lang = address.get("lang");
  const vouch = () => {
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    if (token) chat.setAttribute("token", token);
  };
  addEventListener("hashchange", vouch);
  vouch();
})();
