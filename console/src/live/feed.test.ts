import { beforeEach, describe, expect, it } from "vitest";
import { Feed, type Line, type RunEvent, type Socket } from "./feed";

function event(number: number, changes: Partial<RunEvent> = {}): RunEvent {
  return {
    sequence: 100 + number,
    run_sequence: number,
    type: "operation:progress",
    time: "2026-11-21T10:00:00Z",
    run_id: "backup-1",
    data: {},
    ...changes,
  };
}

class Stage implements Line {
  sockets: Socket[] = [];
  told: RunEvent[] = [];
  asked: number[] = [];
  pauses: number[] = [];
  waiting: (() => void)[] = [];
  shut = false;

  ticket = () => (this.shut ? Promise.reject(new Error("no answer")) : Promise.resolve("ws://x?ticket=t"));
  open = (): Socket => {
    const socket: Socket = { onopen: null, onmessage: null, onclose: null, close: () => socket.onclose?.() };
    this.sockets.push(socket);
    return socket;
  };
  missed = (after: number) => {
    this.asked.push(after);
    return Promise.resolve(this.told.filter((each) => each.sequence > after));
  };
  later = (act: () => void, milliseconds: number) => {
    this.pauses.push(milliseconds);
    this.waiting.push(act);
    return () => undefined;
  };
  say(told: RunEvent) {
    this.sockets.at(-1)?.onmessage?.({ data: JSON.stringify(told) });
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

describe("the feed of a run", () => {
  let stage: Stage;
  let heard: number[];
  let states: boolean[];
  let feed: Feed;

  beforeEach(async () => {
    stage = new Stage();
    heard = [];
    states = [];
    feed = new Feed(
      stage,
      "backup-1",
      (each) => heard.push(each.run_sequence),
      (connected) => states.push(connected),
    );
    feed.start();
    await settled();
  });

  async function opened() {
    stage.sockets.at(-1)?.onopen?.();
    await settled();
  }

  it("asks for what happened before it listened", async () => {
    stage.told = [event(1), event(2)];
    await opened();
    expect([heard, stage.asked, states]).toEqual([[1, 2], [0], [true]]);
  });

  it("hands over each event once and in order, whatever is said twice or by another run", async () => {
    await opened();
    for (const each of [event(1), event(2), event(2), event(1), event(3, { run_id: "backup-2" }), event(3)]) stage.say(each);
    expect(heard).toEqual([1, 2, 3]);
    expect(stage.asked).toEqual([0]);
  });

  it("asks for what lies between, where one was lost", async () => {
    await opened();
    stage.say(event(1));
    stage.told = [event(1), event(2), event(3)];
    stage.say(event(3));
    await settled();
    expect([heard, stage.asked]).toEqual([
      [1, 2, 3],
      [0, 101],
    ]);
  });

  it("comes back by itself, and misses nothing of what happened meanwhile", async () => {
    await opened();
    stage.say(event(1));
    stage.sockets[0]?.onclose?.();
    stage.told = [event(1), event(2)];
    stage.waiting[0]?.();
    await settled();
    await opened();
    expect([heard, states]).toEqual([
      [1, 2],
      [true, false, true],
    ]);
  });

  it("waits longer each time that nobody answers", async () => {
    stage.shut = true;
    stage.sockets[0]?.onclose?.();
    for (let tries = 0; tries < 2; tries += 1) {
      stage.waiting.at(-1)?.();
      await settled();
    }
    expect(stage.pauses).toEqual([1000, 2000, 4000]);
  });

  it("is silent once it was stopped", async () => {
    await opened();
    feed.stop();
    stage.say(event(1));
    expect([heard, stage.pauses]).toEqual([[], []]);
  });
});
