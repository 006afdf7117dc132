/** Which time a view looks at, and whether it keeps asking. */

import { choiceLabel, RANGES, readChoice, writeChoice } from "../logic/window.ts";
import { setParams } from "../navigation.ts";
import { CustomTime } from "./customtime.tsx";
import { Icon } from "./icons.tsx";

/** Live unless it was turned off, or the time has an end. */
export function refreshMs(params: URLSearchParams): number {
  const choice = readChoice(params);
  return "range" in choice && params.get("live") !== "off" ? choice.range.refreshMs : 0;
}

export function TimePicker({ params }: { params: URLSearchParams }) {
  const choice = readChoice(params);
  const fixed = !("range" in choice);
  const current = "range" in choice ? choice.range.id : "";
  const pick = (id: string) => {
    const range = RANGES.find((one) => one.id === id);
    if (range) setParams(writeChoice(params, { range }));
  };
  const live = refreshMs(params) > 0;
  const toggle = () => {
    const next = new URLSearchParams(params);
    if (live) next.set("live", "off");
    else next.delete("live");
    setParams(next, { replace: true });
  };
  return (
    <div class="timepicker">
      {fixed && (
        <button
          type="button"
          class="chip"
          onClick={() => pick(RANGES[1]!.id)}
          aria-label={`Remove time ${choiceLabel(choice)}`}
          title="Back to the last hour"
        >
          <span class="chip-text">{choiceLabel(choice)}</span>
          <Icon name="close" />
        </button>
      )}
      <div class="segments" role="group" aria-label="Time range">
        {RANGES.map((range) => (
          <button
            key={range.id}
            type="button"
            aria-pressed={range.id === current}
            title={`Last ${range.label}`}
            onClick={() => pick(range.id)}
          >
            {range.id.replace("m", " min").replace(/([hd])/, " $1")}
          </button>
        ))}
      </div>
      <select
        class="segments-narrow"
        aria-label="Time range"
        value={current}
        onChange={(event) => pick(event.currentTarget.value)}
      >
        {fixed && <option value="">{choiceLabel(choice)}</option>}
        {RANGES.map((range) => (
          <option key={range.id} value={range.id}>
            {`Last ${range.label}`}
          </option>
        ))}
      </select>
      <CustomTime choice={choice} params={params} />
      <button
        type="button"
        class="button live"
        aria-pressed={live}
        disabled={fixed}
        onClick={toggle}
        title={fixed ? "This time has an end" : live ? "Asking again by itself" : "Stands still"}
      >
        <span class="dot" aria-hidden="true" />
        Live
      </button>
    </div>
  );
}
