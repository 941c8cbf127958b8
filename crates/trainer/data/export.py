"""Names, places and words of many locales out of Faker 40.54 (MIT), for the trainer of names.

    python export.py OUT.jsonl

One line for each locale and kind: {"locale", "kind", "values"}. Kinds: given, family, city, state,
country, street (names of streets), line (street and number), address (whole), company, word.
"""

import json
import pathlib
import sys
import warnings

from faker import Faker
from faker.config import AVAILABLE_LOCALES

SEED = 40540
SAMPLES = 700
GENERATED = {
    "street": "street_name", "line": "street_address", "address": "address",
    "company": "company", "city": "city", "country": "country", "state": "state",
}


def listed(provider, mark):
    values = set()
    for name in dir(provider):
        if mark in name and not name.startswith("_") and "romanized" not in name:
            value = getattr(provider, name)
            if not callable(value) and isinstance(value, (tuple, list, dict)):
                values |= {str(item) for item in value}
    return values


def provider(fake, kind):
    return next(p for p in fake.providers if p.__provider__ == f"faker.providers.{kind}")


def generated(fake, locale, kind, method):
    home = provider(fake, "company" if kind == "company" else "address")
    # Where a locale has none of its own, Faker gives those of another.
    if kind in ("street", "line", "address", "company", "city") and home.__lang__ != locale:
        return set()
    make = getattr(fake, method, None)
    if make is None:
        return set()
    try:
        return {make() for _ in range(SAMPLES)}
    except (AttributeError, IndexError, TypeError, ValueError):
        return set()


def main():
    warnings.simplefilter("ignore")
    out = pathlib.Path(sys.argv[1])
    with out.open("w") as file:
        for locale in sorted(AVAILABLE_LOCALES):
            fake = Faker(locale)
            fake.seed_instance(SEED)
            person = provider(fake, "person")
            kinds = {}
            if person.__lang__ == locale:
                kinds["given"] = listed(person, "first_name")
                kinds["family"] = listed(person, "last_name")
            for kind, method in GENERATED.items():
                kinds[kind] = generated(fake, locale, kind, method)
            lorem = provider(fake, "lorem")
            if lorem.__lang__ == locale and locale != "la":
                kinds["word"] = set(lorem.word_list)
            for kind, values in kinds.items():
                if values:
                    line = {"locale": locale, "kind": kind, "values": sorted(values)}
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")


main()
