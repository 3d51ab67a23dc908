// There is no such page.
import Box from "@cloudscape-design/components/box";
import { Go } from "../parts/Go";

export function Component() {
  return (
    <Box padding="xxl" textAlign="center">
      <Box variant="h1">There is no such page</Box>
      <Box variant="p">
        <Go to="/">To the overview</Go>
      </Box>
    </Box>
  );
}
