// Compares ledger, bucket and Salesforce, an account's files page by page; what differs is shown.
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { given } from "../api/client";
import { useApi, useWaybill } from "../app/context";
import { count } from "../parts/format";

export function Verify({ accountId }: { accountId: string }) {
  const api = useApi();
  const { tell } = useWaybill();
  const [checked, setChecked] = useState(0);
  const verify = useMutation({
    mutationFn: async () => {
      const differences: string[] = [];
      let cursor: string | null = null;
      let sum = 0;
      do {
        const page: { checked: number; mismatches: { name: string; message: string }[]; next: string | null } = await given(
          api.POST("/api/verify", { body: { account_id: accountId, cursor } }),
        );
        sum += page.checked;
        setChecked(sum);
        differences.push(...page.mismatches.map((each) => `${each.name}: ${each.message}`));
        cursor = page.next;
      } while (cursor !== null);
      return { sum, differences };
    },
    onSuccess: ({ sum, differences }) =>
      tell(
        differences.length
          ? {
              type: "warning",
              header: `${count(differences.length)} of ${count(sum)} files differ`,
              content: differences.slice(0, 5).map((each) => <div key={each}>{each}</div>),
            }
          : { type: "success", content: `${count(sum)} files compared: ledger, bucket and Salesforce agree.` },
      ),
    onError: (error) => tell({ type: "error", content: error.message }),
  });
  return (
    <Button loading={verify.isPending} onClick={() => verify.mutate()} ariaLabel={verify.isPending ? `${count(checked)} compared` : "Compare with bucket and Salesforce"}>
      {verify.isPending ? <Box variant="span">{count(checked)} compared</Box> : "Compare with bucket and Salesforce"}
    </Button>
  );
}
