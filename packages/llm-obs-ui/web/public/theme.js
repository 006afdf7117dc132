// Before the first paint, and apart from the page: a strict CSP allows no inline script.
try {
  const theme = localStorage.getItem("llm-obs.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is off: the system's theme counts.
}
