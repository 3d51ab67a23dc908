// What is told of a run as it happens: over a socket opened with a ticket that is good for once, and by asking for what was missed.
export interface RunEvent {
  // Of the stage; and of the run, without a gap.
  sequence: number;
  run_sequence: number;
  type: "operation:progress" | "operation:complete" | "operation:error";
  time: string;
  run_id: string;
  data: Record<string, unknown>;
}

export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((message: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  close: () => void;
}

export interface Line {
  ticket: () => Promise<string>;
  open: (url: string) => Socket;
  // The run's events behind this sequence, in order.
  missed: (after: number) => Promise<RunEvent[]>;
  later: (act: () => void, milliseconds: number) => () => void;
}

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

// Hands over each event of a run once and in order. Whoever was away is told what he missed.
export class Feed {
  private after = 0;
  private number = 0;
  private socket: Socket | null = null;
  private pause = FIRST_PAUSE;
  private stopped = false;
  private catching: Promise<void> | null = null;
  private again = false;
  private cancel: () => void = () => undefined;

  constructor(
    private readonly line: Line,
    private readonly runId: string,
    private readonly onEvent: (event: RunEvent) => void,
    private readonly onState: (connected: boolean) => void,
  ) {}

  start(): void {
    void this.connect();
  }

  stop(): void {
    this.stopped = true;
    this.cancel();
    this.socket?.close();
  }

  private async connect(): Promise<void> {
    try {
      const url = await this.line.ticket();
      if (this.stopped) return;
      const socket = this.line.open(url);
      this.socket = socket;
      socket.onopen = () => {
        this.pause = FIRST_PAUSE;
        this.onState(true);
        // Asked for once one listens: what happens from now on is heard, what happened before is asked for.
        void this.catchUp();
      };
      socket.onmessage = ({ data }) => this.hear(data);
      socket.onclose = () => this.lost();
    } catch {
      this.lost();
    }
  }

  private lost(): void {
    this.socket = null;
    if (this.stopped) return;
    this.onState(false);
    this.cancel = this.line.later(() => void this.connect(), this.pause);
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
  }

  private hear(data: unknown): void {
    const event = JSON.parse(String(data)) as RunEvent;
    if (event.run_id !== this.runId || event.run_sequence <= this.number) return;
    if (event.run_sequence > this.number + 1 || this.catching) void this.catchUp();
    else this.take(event);
  }

  private catchUp(): Promise<void> {
    // One question at a time; what is heard meanwhile is asked for behind it.
    this.again = this.catching !== null;
    this.catching ??= this.ask().finally(() => {
      this.catching = null;
      if (this.again && !this.stopped) void this.catchUp();
    });
    return this.catching;
  }

  private async ask(): Promise<void> {
    try {
      for (const event of await this.line.missed(this.after)) this.take(event);
    } catch {
      // The page looks for itself, and the next event asks again.
    }
  }

  private take(event: RunEvent): void {
    if (this.stopped || event.run_sequence <= this.number) return;
    this.after = event.sequence;
    this.number = event.run_sequence;
    this.onEvent(event);
  }
}
