// Files per second over a run's time.
import { Suspense, lazy } from "react";
import { useThroughput } from "../api/asking";
import type { RunView } from "../api/types";
import { Empty, Loaded, Waiting } from "./Loaded";
import { isLive } from "./runs";

// The chart is a large piece: the page is there before it.
const Chart = lazy(() => import("./Chart"));
export const CHART_HEIGHT = 180;

export function ThroughputChart({ run }: { run: RunView | undefined }) {
  const throughput = useThroughput(run?.run_id, run ? isLive(run) : false);
  if (!run) return <Empty title="Nothing ran yet">The first backup shows its pace here.</Empty>;
  return (
    <Loaded query={throughput} height={CHART_HEIGHT + 60}>
      {(data) =>
        data.points.length ? (
          <Suspense fallback={<Waiting height={CHART_HEIGHT + 60} />}>
            <Chart throughput={data} height={CHART_HEIGHT} />
          </Suspense>
        ) : (
          <Empty title="Nothing was copied">There is no pace to show for this run.</Empty>
        )
      }
    </Loaded>
  );
}
