// The chart itself, apart for its size.
import AreaChart from "@cloudscape-design/components/area-chart";
import type { Throughput } from "../api/types";
import { clock, count } from "./format";

export default function Chart({ throughput, height }: { throughput: Throughput; height: number }) {
  const { points, bucket_seconds: seconds } = throughput;
  const data = points.map((point) => ({ x: new Date(point.time), y: Math.round((10 * point.files) / seconds) / 10 }));
  return (
    <AreaChart
      series={[{ title: "Files per second", type: "area", data, valueFormatter: (value) => count(value) }]}
      xScaleType="time"
      height={height}
      hideFilter
      hideLegend
      ariaLabel="Files per second over time"
      yTitle="Files per second"
      xTickFormatter={(at) => clock(at.toISOString())}
      yTickFormatter={count}
      statusType="finished"
    />
  );
}
