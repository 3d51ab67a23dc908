// The workbook that a run has left, saved as a file.
import { type Api, given } from "../api/client";

export async function saveWorkbook(api: Api, runId: string): Promise<void> {
  const place = await given(api.GET("/api/runs/{run_id}/workbook", { params: { path: { run_id: runId } } }));
  const link = document.createElement("a");
  link.href = place.url;
  link.download = place.name;
  link.rel = "noopener";
  link.click();
}
