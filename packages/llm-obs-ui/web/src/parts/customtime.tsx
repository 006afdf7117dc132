/** From when to when, typed: what a drag over a chart chooses, without dragging. */

import { useEffect, useRef } from "preact/hooks";
import { localInput } from "../logic/clock.ts";
import { timeWindow, writeChoice, type Choice } from "../logic/window.ts";
import { setParams } from "../navigation.ts";

export function CustomTime({ choice, params }: { choice: Choice; params: URLSearchParams }) {
  const box = useRef<HTMLDetailsElement>(null);
  const from = useRef<HTMLInputElement>(null);
  const to = useRef<HTMLInputElement>(null);
  const fill = () => {
    if (!box.current?.open || !from.current || !to.current) return;
    const { startMs, endMs } = timeWindow(choice, Date.now());
    from.current.value = localInput(startMs);
    to.current.value = localInput(endMs);
    from.current.focus();
  };
  useEffect(() => {
    const outside = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) box.current?.removeAttribute("open");
    };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, []);
  const close = () => {
    box.current?.removeAttribute("open");
    box.current?.querySelector("summary")?.focus();
  };
  const submit = (event: Event) => {
    event.preventDefault();
    const fromMs = new Date(from.current?.value ?? "").getTime();
    const toMs = new Date(to.current?.value ?? "").getTime();
    to.current?.setCustomValidity(fromMs < toMs ? "" : "The end is not after the start.");
    if (!to.current?.reportValidity()) return;
    setParams(writeChoice(params, { fromMs, toMs }));
    close();
  };
  return (
    <details
      ref={box}
      class="custom-time"
      onToggle={fill}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !box.current?.open) return;
        event.preventDefault();
        close();
      }}
    >
      <summary class="button" title="From when to when">
        Other
      </summary>
      <form onSubmit={submit}>
        <label>
          From
          <input ref={from} type="datetime-local" class="field" required />
        </label>
        <label>
          To
          <input
            ref={to}
            type="datetime-local"
            class="field"
            required
            onInput={(event) => event.currentTarget.setCustomValidity("")}
          />
        </label>
        <p class="hint">In the zone {Intl.DateTimeFormat().resolvedOptions().timeZone}</p>
        <button type="submit" class="button primary">
          Show
        </button>
      </form>
    </details>
  );
}
