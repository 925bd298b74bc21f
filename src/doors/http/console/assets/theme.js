// The theme that the reader chose, before anything is painted. Without a choice the system decides.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem("herdgate-theme");
  } catch {
    // Storage may be forbidden; then the system decides.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
