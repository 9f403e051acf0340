"""The half of the runner that MicroPython executes: a line of JSON in for each case, a line out with the firmware's answer.

Arguments: "32" or "64", then the name of a file in kinds/. The first line out is the list of its kinds; a case of another kind is
answered by null.
"""

import json
import sys

BITS = sys.argv[1]
if BITS == "32":
    from _f32 import rounded
else:

    def rounded(x):
        return x


def _answer(function, inputs):
    try:
        return {"got": function(rounded(inputs))}
    except Exception as error:  # whatever the firmware raises is the answer to show
        return {"raised": "%s: %s" % (type(error).__name__, error)}


def main():
    kinds = __import__(sys.argv[2]).KINDS
    print(json.dumps(sorted(kinds)))
    for line in sys.stdin:
        case = json.loads(line)
        known = kinds.get(case["kind"])
        print(json.dumps(_answer(known, case["inputs"]) if known else None))


main()
