// Light or dark: as the machine says, until the user says otherwise.
import { Density, Mode, applyDensity, applyMode } from "@cloudscape-design/global-styles";

export type Theme = "system" | "light" | "dark";
const KEY = "waybill.theme";
const dark = window.matchMedia("(prefers-color-scheme: dark)");

export function currentTheme(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

export function chooseTheme(theme: Theme): void {
  if (theme === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, theme);
  applyTheme();
}

export function applyTheme(): void {
  const theme = currentTheme();
  applyMode(theme === "dark" || (theme === "system" && dark.matches) ? Mode.Dark : Mode.Light);
  applyDensity(Density.Comfortable);
}

dark.addEventListener("change", applyTheme);
