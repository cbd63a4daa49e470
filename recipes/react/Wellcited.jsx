import { useEffect, useRef } from "react";

/** Load the widget's script once for the page, without its own button. */
function load(host) {
  const src = `${host}/widget.js`;
  if (document.querySelector(`script[src="${src}"]`)) return;
  const script = document.createElement("script");
  script.src = src;
  script.dataset.launcher = "off";
  document.head.append(script);
}

/**
 * The chat, in the text or (`launcher`) as a button in the corner.
 *
 * <Wellcited host="https://guide.example.org" title="Ask us" onAnswer={({ question, answer }) => ...} />
 */
export function Wellcited({ host, launcher = false, questions, remember = false, onAsk, onAnswer, onError, ...attributes }) {
  const chat = useRef(null);

  useEffect(() => load(host), [host]);

  useEffect(() => {
    const heard = { "wellcited:ask": onAsk, "wellcited:answer": onAnswer, "wellcited:error": onError };
    const listeners = Object.entries(heard).filter(([, listener]) => listener).map(([name, listener]) => [name, (event) => listener(event.detail)]);
    const node = chat.current;
    listeners.forEach(([name, listener]) => node.addEventListener(name, listener));
    return () => listeners.forEach(([name, listener]) => node.removeEventListener(name, listener));
  }, [onAsk, onAnswer, onError]);

  return (
    <wellcited-chat
      ref={chat}
      launcher={launcher ? "" : undefined}
      remember={remember ? "" : undefined}
      questions={questions ? JSON.stringify(questions) : undefined}
      {...attributes}
    />
  );
}
