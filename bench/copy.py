"""Compares Waybill's copying with its peers' on one server, on this machine: `bench/copy.py --files N --rounds R [--json]`."""

# The folder of a script comes first on Python's path, so that this file stands in front of the standard library's `copy`
# for everything that is imported by a script of this folder: it then gives what is asked for.
import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - pathlib imports too much
    from bench.side_by_side import main

    sys.exit(main())
else:
    _path = os.path.join(os.path.dirname(os.__file__), "copy.py")  # noqa: PTH118, PTH120
    with open(_path, encoding="utf-8") as _file:  # noqa: PTH123
        exec(compile(_file.read(), _path, "exec"), globals())
