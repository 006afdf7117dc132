/** The few icons of the page, drawn in the text's colour; what they mean is said beside them or by their button. */

const PATHS = {
  copy: "M5.5 5.500h7v8h-7zM3.5 10.500v-8h7",
  check: "M3 8.500l3.5 3.500L13 4.5",
  close: "M4 4l8 8M12 4l-8 8",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1.500v1M8 13.500v1M1.5 8h1M13.5 8h1M3.400 3.400l.7.7M11.900 11.900l.7.7M3.400 12.600l.7-.7M11.900 4.100l.7-.7",
  moon: "M13 9.500A5.5 5.5 0 1 1 6.5 3a4.5 4.5 0 0 0 6.5 6.5",
  system: "M2 3.500h12v7.500H2zM6 13.500h4M8 11v2.5",
  search: "M7 2.500a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.300 10.300l3.200 3.200",
  zoom: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.3 10.3l3.2 3.2M5 7h4M7 5v4",
  table: "M2.5 3.500h11v9h-11zM2.5 6.500h11M2.5 9.500h11M6.5 6.500v6",
  chart: "M2.5 13.500h11M4 11V8M7 11V4M10 11V6M13 11V9",
  chevron: "M6 4l4 4-4 4",
  error: "M8 1.800l6.5 11.700h-13zM8 6v3.500M8 11.300v.4",
  link: "M6.5 9.500l3-3M7 5l1.5-1.500a2.5 2.5 0 0 1 4 4L11 9M9 11l-1.5 1.500a2.5 2.5 0 0 1-4-4L5 7",
  back: "M9.5 3.500L5 8l4.5 4.5",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
