/** The keys, in a dialog of the browser's own. */

import { useEffect, useRef } from "preact/hooks";
import { createStore } from "../store.ts";
import { Icon } from "./icons.tsx";

export const helpOpen = createStore(false);

const KEYS: [string, [string, string][]][] = [
  [
    "Everywhere",
    [
      ["/", "filter"],
      ["o", "overview"],
      ["t", "traces"],
      ["?", "these keys"],
      ["Esc", "leave a field, close, go back"],
    ],
  ],
  [
    "Traces",
    [
      ["j k", "next, previous trace"],
      ["Enter", "open it"],
    ],
  ],
  [
    "Trace",
    [
      ["↑ ↓ or j k", "next, previous span"],
      ["→ ←", "open, close; to the first child, to the parent"],
      ["Home End", "first, last span"],
      ["e", "next error"],
      ["* -", "open all, close all"],
      ["z 0", "the span's time, the whole time"],
      ["c", "conversation, waterfall"],
    ],
  ],
];

export function Help() {
  const open = helpOpen.use();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={() => helpOpen.set(false)}>
      <header>
        <h2 id="help-title">Keys</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={() => helpOpen.set(false)}>
          <Icon name="close" />
        </button>
      </header>
      <div class="help-body">
        {KEYS.map(([title, keys]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {keys.map(([key, meaning]) => (
                <div key={key}>
                  <dt>{key.split(" ").map((part) => (part === "or" ? " or " : <kbd key={part}>{part}</kbd>))}</dt>
                  <dd>{meaning}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </dialog>
  );
}
