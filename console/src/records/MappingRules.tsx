// What a saved mapping says.
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import { useQuery } from "@tanstack/react-query";
import { given } from "../api/client";
import { useApi } from "../app/context";
import { Loaded } from "../parts/Loaded";

interface Rule {
  field: string;
  column?: string;
  expression?: string;
  constant?: unknown;
}
interface TableRules {
  table: string;
  object: string;
  external_id?: string;
  rules: Rule[];
}

export function MappingRules({ name }: { name: string }) {
  const api = useApi();
  const mapping = useQuery({
    queryKey: ["mappings", name],
    queryFn: () => given(api.GET("/api/mappings/{name}", { params: { path: { name } } })),
  });
  return (
    <Container header={<Header variant="h2">{name}</Header>}>
      <Loaded query={mapping}>
        {(data) => (
          <>
            {(data.tables as unknown as TableRules[]).map((table) => (
              <div className="group" key={`${table.table}${table.object}`}>
                <Box variant="h3">
                  {table.table} into {table.object}
                  {table.external_id ? `, by ${table.external_id}` : ""}
                </Box>
                <table className="plain">
                  <thead>
                    <tr>
                      <th scope="col">Field</th>
                      <th scope="col">From</th>
                    </tr>
                  </thead>
                  <tbody>
                    {table.rules.map((rule) => (
                      <tr key={rule.field}>
                        <td>{rule.field}</td>
                        <td>{sourceOf(rule)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            ))}
          </>
        )}
      </Loaded>
    </Container>
  );
}

function sourceOf(rule: Rule): string {
  if (rule.column) return `Column ${rule.column}`;
  if (rule.expression) return `Expression ${rule.expression}`;
  return `Always ${JSON.stringify(rule.constant)}`;
}
