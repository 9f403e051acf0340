"""The half of the runner that MicroPython executes: a line of JSON in for each case, a line out with the firmware's answer.

Arguments: "32" or "64", then the names of the files in kinds/. The first line out is the list of the kinds there are.
"""

import json
import sys

BITS = sys.argv[1]
if BITS == "32":
    from _f32 import rounded
else:

    def rounded(x):
        return x


def _kinds(names):
    found = {}
    for name in names:
        for kind, function in __import__(name).KINDS.items():
            if kind in found:
                raise ValueError("kind '%s' is in %s and in %s" % (kind, found[kind][0], name))
            found[kind] = (name, function)
    return found


def _answer(function, inputs):
    try:
        return {"got": function(rounded(inputs))}
    except Exception as error:  # whatever the firmware raises is the answer to show
        return {"raised": "%s: %s" % (type(error).__name__, error)}


def main():
    kinds = _kinds(sys.argv[2:])
    print(json.dumps(sorted(kinds)))
    for line in sys.stdin:
        case = json.loads(line)
        if case["kind"] in kinds:
            out = _answer(kinds[case["kind"]][1], case["inputs"])
        else:
            out = {"raised": "no kind of this name"}
        print(json.dumps(out))


main()
