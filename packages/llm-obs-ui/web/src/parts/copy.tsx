/** Copies a text and says so. */

import { useEffect, useState } from "preact/hooks";
import { Icon, type IconName } from "./icons.tsx";

export function Copy({
  text,
  label,
  icon = "copy",
  shown,
}: {
  text: () => string;
  label: string;
  icon?: IconName;
  shown?: string;
}) {
  const [done, setDone] = useState<"" | "Copied" | "Not copied">("");
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(""), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = () => {
    write(text()).then(
      () => setDone("Copied"),
      () => setDone("Not copied"),
    );
  };
  return (
    <button
      type="button"
      class={shown ? "button small" : "icon-button"}
      onClick={copy}
      title={done || label}
      aria-label={label}
    >
      <Icon name={done === "Copied" ? "check" : icon} />
      {shown}
      <span class="visually-hidden" role="status">
        {done}
      </span>
    </button>
  );
}

/** Browsers give the clipboard to secure pages only; a selection works on the others, as on a host in the local network. */
async function write(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("refused");
}
