// What is typed into a search field, once the typing rests: the API is not asked for every letter.
import { useEffect, useState } from "react";

export function useSearch(initial = "", rest = 300): { typed: string; asked: string; type: (text: string) => void } {
  const [typed, type] = useState(initial);
  const [asked, ask] = useState(initial);
  useEffect(() => {
    const timer = setTimeout(() => ask(typed.trim()), rest);
    return () => clearTimeout(timer);
  }, [typed, rest]);
  return { typed, asked, type };
}
