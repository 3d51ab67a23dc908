"""The CDK app: stage settings, constructs and stacks."""

import os

# jsii, the bridge to Node, prints a page when the Node that is installed is older or newer than those it was tested with. Nothing
# here depends on the difference. Set before aws_cdk is imported: that import starts Node.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "18,20,22")
for _notice in ("DEPRECATED", "UNTESTED"):
    os.environ.setdefault(f"JSII_SILENCE_WARNING_{_notice}_NODE_VERSION", "1")
