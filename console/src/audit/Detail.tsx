// A record's detail: the gist in a line, all of it on demand.
import Popover from "@cloudscape-design/components/popover";
import { gistOf } from "./gist";

export function Detail({ text }: { text: string }) {
  return (
    <Popover header="Detail" size="large" triggerType="text" dismissAriaLabel="Close" content={<pre className="mono detail">{pretty(text)}</pre>}>
      {gistOf(text)}
    </Popover>
  );
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 1);
  } catch {
    return text;
  }
}
