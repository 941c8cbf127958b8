#!/usr/bin/env python3
"""Makes prices.json from two public price lists.

    pip download litellm --no-deps && unzip litellm-*.whl '*model_prices*.json'
    cargo fetch                                   # brings the crate genai-prices
    python3 generate.py LITELLM.json LITELLM_VERSION GENAI.json GENAI_VERSION DATE > prices.json

Both lists are MIT-licensed. LiteLLM's is the base; where genai-prices states a price of the
same model and bucket, the dearer of the two counts, and the model's entry says so. No float
is involved: numbers are read as decimals and written as decimal text in dollars per million
units.
"""

import hashlib
import json
import re
import sys
from decimal import Decimal

TIERS = {"": "standard", "_flex": "flex", "_batches": "batch", "_priority": "priority", "_ultrafast": "ultrafast"}
BUCKETS = {
    "input_cost_per_token": "input",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write_5m",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "cache_creation_input_token_cost_above_12hr": "cache_write_1h",
    "output_cost_per_token": "output",
    "input_cost_per_audio_token": "input_audio",
    "output_cost_per_audio_token": "output_audio",
}
GENAI_BUCKETS = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write_5m",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_mtok": "output",
    "input_audio_mtok": "input_audio",
    "output_audio_mtok": "output_audio",
}
MODES = {"chat": "chat", "responses": "responses", "completion": "completion", "embedding": "embedding", "rerank": "rerank"}
# Sold by the search or by the session whatever the request says; their cost has no bound.
# What Gemini makes besides text, and what is asked in other ways.
NOT_TEXT = re.compile(r"^(?!gemini-(\d|flash|pro))|tts|omni|image|robotics|embedding|audio|nano-banana|cyber")
GEMINI_EMBEDS = re.compile(r"gemini-embedding-")
# What Bedrock embeds is asked for in the words of Amazon and of Cohere; others have their own.
BEDROCK_EMBEDS = re.compile(r"(amazon\.titan-embed-text-v|cohere\.embed-)")
WITHOUT_BOUND = re.compile(r"search|deep-research|computer-use|^ft:|realtime|transcribe|container|live")


def text(value):
    """A decimal without exponent or trailing zeros."""
    plain = format(value.normalize(), "f")
    return plain


def litellm_rates(row):
    """Rates by (tier, threshold or None): {bucket: dollars per million}."""
    rates = {}
    for name, value in row.items():
        if value is None or not isinstance(value, (Decimal, int)) or isinstance(value, bool):
            continue
        for prefix, bucket in sorted(BUCKETS.items(), key=lambda pair: -len(pair[0])):
            if not name.startswith(prefix):
                continue
            rest = re.fullmatch(r"(?:_above_(\d+)k_tokens)?(_flex|_batches|_priority|_ultrafast)?", name[len(prefix):])
            if rest:
                threshold = int(rest[1]) * 1000 if rest[1] else None
                key = (TIERS[rest[2] or ""], threshold)
                slot = rates.setdefault(key, {})
                slot[bucket] = max(slot.get(bucket, Decimal(0)), Decimal(value) * 1_000_000)
            break
    return rates


def genai_prices(model, date):
    """The prices in force at the date, by tier and threshold."""
    rates = {}

    def add(tier, prices):
        for name, value in prices.items():
            bucket = GENAI_BUCKETS.get(name)
            if bucket is None:
                continue
            if isinstance(value, dict):
                rates.setdefault((tier, None), {})[bucket] = Decimal(value["base"])
                for step in value["tiers"]:
                    rates.setdefault((tier, int(step["start"])), {})[bucket] = Decimal(step["price"])
            else:
                rates.setdefault((tier, None), {})[bucket] = Decimal(value)

    def in_force(entry):
        start = (entry.get("constraint") or {}).get("start_date")
        return start is None or start <= date

    prices = model["prices"]
    if isinstance(prices, list):
        prices = [entry for entry in prices if in_force(entry)][-1]["prices"]
    add("standard", prices)
    for variant in model.get("price_variants") or []:
        when = variant["when"]
        tier = {"flex": "flex", "priority": "priority", "ultrafast": "ultrafast"}.get(when.get("service_tier"))
        if when.get("processing") == "batch":
            tier = "batch"
        if tier and in_force(variant):
            add(tier, variant["prices"])
    return rates


def matches(rule, name):
    if "or" in rule:
        return any(matches(inner, name) for inner in rule["or"])
    if "and" in rule:
        return all(matches(inner, name) for inner in rule["and"])
    if "equals" in rule:
        return rule["equals"] == name
    if "starts_with" in rule:
        return name.startswith(rule["starts_with"])
    if "ends_with" in rule:
        return name.endswith(rule["ends_with"])
    if "contains" in rule:
        return rule["contains"] in name
    if "regex" in rule:
        return re.search(rule["regex"], name) is not None
    return False


def find_genai(providers, provider, name):
    for entry in providers:
        if entry["id"] == provider:
            for model in entry["models"]:
                if matches(model["match"], name):
                    return model
    return None


def tokenizer(provider, name):
    if provider not in {"openai", "azure_openai"}:
        return None
    name = name.split("/")[-1].replace("gpt-35", "gpt-3.5")
    if re.match(r"gpt-4o|gpt-4\.1|gpt-5|o1|o3|o4|chatgpt-4o", name):
        return "o200k"
    if re.match(r"gpt-4|gpt-3\.5|text-embedding|babbage-002|davinci-002", name):
        return "cl100k"
    return None


def images(provider, name, row):
    """OpenAI: developers.openai.com, images and vision, calculating costs. Anthropic: platform.claude.com, vision."""
    if not row.get("supports_vision"):
        return None
    if provider == "anthropic":
        return {"most": 4784}
    if provider == "aws_bedrock":
        # What others than Anthropic's models make of an image is not told to the token, but never more than
        # they can read.
        most = 4784 if "anthropic." in name else row.get("max_input_tokens")
        return {"most": most} if most else None
    if provider == "together":
        # docs.together.ai, vision: at most four tiles of 1601 tokens, for Llama's models. What others
        # make of an image is not told, so it has no bound.
        return {"most": 6404} if re.search(r"[Ll]lama", name) else None
    if provider == "cohere":
        # docs.cohere.com, image inputs: twelve tiles of 256 tokens and one of the whole, at the most.
        return {"most": 3328}
    if provider in {"google", "vertex"}:
        # ai.google.dev, image understanding and media resolution: crops of 258 tokens each up to Gemini
        # 2.5; at most 1120 at the resolution that Gemini 3 takes unasked; of later ones nothing is told,
        # so the finest there is counts.
        if re.match(r"gemini-[12]\.", name):
            return {"crop": 258}
        return {"most": 2240 if re.match(r"gemini-([4-9]|\d\d)", name) else 1120}
    if provider not in {"openai", "azure_openai"}:
        return None
    name = name.split("/")[-1]
    tiles = [
        (r"gpt-4o-mini", 2833, 5667), (r"gpt-4\.1-(mini|nano)", 0, 0), (r"gpt-4", 85, 170),
        (r"o1|o3(-pro)?(-\d|$)", 75, 150), (r"gpt-5(-chat|-codex|-pro|-2025|$)", 70, 140),
        (r"gpt-5\.1(?!-codex-mini)", 70, 140),
    ]
    for pattern, base, tile in tiles:
        if re.match(pattern, name):
            if tile:
                return {"base": base, "tile": tile}
            break
    multipliers = [(r"gpt-4\.1-mini", 1620), (r"gpt-4\.1-nano", 2460), (r"o4-mini", 1720),
                   (r"gpt-5-mini", 1620), (r"gpt-5-nano", 2460), (r"gpt-5\.1-codex-mini", 1620)]
    for pattern, permille in multipliers:
        if re.match(pattern, name):
            return {"patches": 1536, "permille": permille}
    # Later models: 2 500 patches, 10 000 at `original` detail; multipliers seen are 1.0 to 1.7.
    return {"patches": 2500, "original": 10000, "permille": 2000}


# LiteLLM's word, ours, genai-prices' and the prefix of names in LiteLLM's list.
PROVIDERS = {
    "openai": ("openai", "openai", ""),
    "text-completion-openai": ("openai", "openai", ""),
    "anthropic": ("anthropic", "anthropic", ""),
    "azure": ("azure_openai", "azure", "azure/"),
    "azure_text": ("azure_openai", "azure", "azure/"),
    "together_ai": ("together", "together", "together_ai/"),
    "ai21": ("ai21", "ai21", ""),
    "cohere_chat": ("cohere", "cohere", ""),
    "cohere": ("cohere", "cohere", ""),
    "gemini": ("google", "google", "gemini/"),
    "vertex_ai-language-models": ("vertex", "google", ""),
    "vertex_ai-embedding-models": ("vertex", "google", ""),
    "bedrock": ("aws_bedrock", "aws", ""),
    "bedrock_converse": ("aws_bedrock", "aws", ""),
    "replicate": ("replicate", "replicate", "replicate/"),
}

# `bedrock/REGION/MODEL` in LiteLLM's list: what a model costs in a region where that differs.
IN_REGION = re.compile(r"^bedrock/((?:us-gov|[a-z]{2})-[a-z]+-\d)/([^/]+)$")
# Families whose models are asked through Converse, behind the region of an inference profile or not.
CONVERSES = re.compile(
    r"^(?:(?:us-gov|us|eu|apac|au|jp|in|ca|sa|global)\.)?"
    r"(?:ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshot|moonshotai|nvidia|openai|qwen|writer|xai|zai)\.")
# Not asked through Converse: texts to be completed, and models for video.
NOT_CONVERSED = re.compile(r"j2-|claude-(v1|v2|instant)|command-(light-)?text|@|pegasus")


def plain_name(name, row):
    """The name on the wire. Azure's data zones keep theirs (`eu/gpt-4o`): a deployment says which it is in."""
    prefix = PROVIDERS[row["litellm_provider"]][2]
    if row["litellm_provider"].startswith("bedrock"):
        region = IN_REGION.match(name)
        model = region[2] if region else name
        known = CONVERSES.match(model) and not NOT_CONVERSED.search(model) and "/" not in model
        return None if not known else f"{region[1]}/{model}" if region else name
    if not name.startswith(prefix):
        return None  # a class of sizes, not a model
    name = name[len(prefix):]
    if row["litellm_provider"] == "cohere":
        return name.removeprefix("cohere/")
    if row["litellm_provider"].startswith("azure"):
        # The plain name is the global one.
        zone, _, rest = name.partition("/")
        known = {"eu", "us", "apac"}
        return name if not rest or (zone in known and "/" not in rest) else None
    return name if prefix or "/" not in name else None


def entry(name, row, providers, date):
    provider, genai_name, _ = PROVIDERS[row["litellm_provider"]]
    name = plain_name(name, row)
    mode = MODES.get(row.get("mode"))
    if name is None or mode is None or (WITHOUT_BOUND.search(name) and mode != "rerank") or "input_cost_per_token" not in row:
        return None
    embeds = mode == "embedding"
    # The older models of Vertex AI are sold by the character.
    if provider in {"google", "vertex"} and (not GEMINI_EMBEDS.match(name) if embeds else NOT_TEXT.search(name)):
        return None
    # Its list says a hundred dollars for a million tokens, a thousand times the others.
    if provider == "cohere" and (mode == "completion" or name == "embed-multilingual-light-v3.0"):
        return None
    if provider == "aws_bedrock" and mode != "chat" and not BEDROCK_EMBEDS.search(name):
        return None
    if mode not in {"embedding", "rerank"} and "output_cost_per_token" not in row:
        return None
    per_search = row.get("input_cost_per_query") if mode == "rerank" else None
    if not row["input_cost_per_token"] and not per_search:
        return None  # a price that is not known, not a gift
    rates = litellm_rates(row)
    if provider == "aws_bedrock":
        # No request of ours names a tier.
        rates = {key: buckets for key, buckets in rates.items() if key[0] == "standard"}
    agreed = {}
    zoned = provider in {"azure_openai", "aws_bedrock"} and "/" in name
    other = None if zoned else find_genai(providers, genai_name, name)
    if other:
        for key, buckets in genai_prices(other, date).items():
            if key[1] is not None and key[1] not in {threshold for _, threshold in rates}:
                agreed["ignored_threshold"] = key[1]
                continue
            for bucket, price in buckets.items():
                ours = rates.setdefault(key, {}).get(bucket)
                if ours is None or price > ours:
                    if ours is not None:
                        agreed.setdefault("dearer_at_genai_prices", []).append(f"{key[0]}.{bucket}")
                    rates[key][bucket] = price
    for (tier, _), buckets in rates.items():
        # Writing to a cache is never cheaper than reading without one; a list that says so is wrong.
        for bucket in ("cache_write_5m", "cache_write_1h"):
            if bucket in buckets and buckets[bucket] < buckets.get("input", 0):
                buckets[bucket] = buckets["input"]
                agreed.setdefault("raised_to_input", []).append(f"{tier}.{bucket}")
    fast = (row.get("provider_specific_entry") or {}).get("fast")
    if fast:
        for (tier, threshold), buckets in list(rates.items()):
            if tier == "standard":
                rates[("fast", threshold)] = {bucket: price * Decimal(fast) for bucket, price in buckets.items()}
    thresholds = sorted({threshold for _, threshold in rates if threshold is not None})
    assert len(thresholds) <= 1, name
    uplift = max(
        [Decimal(1)]
        + [Decimal(v) for k, v in row.items() if k.startswith("regional_processing_uplift_multiplier_")]
        + [Decimal((row.get("provider_specific_entry") or {}).get("us", 1))]
        # Vertex AI's places but `global` cost a tenth more for some models since Gemini 3; the list says it of
        # a few, so it is taken to hold for all of them.
        + [Decimal("1.1") for _ in [name] if provider == "vertex" and not re.match(r"gemini-[12]\.", name)]
    )
    searches = (row.get("search_context_cost_per_query") or {}).values()
    row = {**row, "supports_vision": False, "supports_audio_input": False} if embeds else row
    flags = [flag for flag, field in [
        ("vision", "supports_vision"), ("files", "supports_pdf_input"), ("audio_input", "supports_audio_input"),
        ("audio_output", "supports_audio_output"), ("tools", "supports_function_calling"),
        ("reasoning", "supports_reasoning"), ("json_schema", "supports_response_schema"),
        ("prompt_cache", "supports_prompt_caching")] if row.get(field)]
    result = {
        "provider": provider, "model": name, "mode": mode,
        "context": max(row.get("max_input_tokens") or 0, (other or {}).get("context_window") or 0) or None,
        "max_output": row.get("max_output_tokens") if mode not in {"embedding", "rerank"} else 0,
        "tokenizer": tokenizer(provider, name), "images": images(provider, name, row),
        "flags": flags,
        "prices": {tier: {bucket: text(price) for bucket, price in sorted(buckets.items())}
                   for (tier, threshold), buckets in sorted(rates.items(), key=str)
                   if threshold is None and "input" in buckets and ("output" in buckets or mode in {"embedding", "rerank"})},
        "source": row.get("source") or "litellm", "retires_on": row.get("deprecation_date"),
    }
    if thresholds:
        result["long_context_above"] = thresholds[0]
        result["long_prices"] = {tier: {bucket: text(price) for bucket, price in sorted(buckets.items())}
                                 for (tier, threshold), buckets in sorted(rates.items(), key=str)
                                 if threshold is not None and tier in result["prices"] and "output" in buckets}
    if per_search:
        result["search_unit"] = text(Decimal(per_search) * 1_000_000)
    if searches:
        result["web_search"] = text(max(Decimal(price) for price in searches) * 1_000_000)
    if uplift > 1:
        result["regional_permille"] = int(uplift * 1000)
    result.update(agreed)
    return {name: value for name, value in result.items() if value is not None}


# Models of Replicate whose input is documented, so that a cap on their output is known to be kept.
PREDICTED = re.compile(r"^(anthropic/claude-|openai/(gpt-[45]|o\d)|google/gemini-|meta/(meta-)?llama-[34]|deepseek-ai/deepseek-[rv])")


def predicted(name, row, rows):
    """An official model of Replicate, which is paid by the token. Its limits are those that its maker tells."""
    if row.get("litellm_provider") != "replicate":
        return None
    name = name.removeprefix("replicate/")
    # Its own name for them; LiteLLM's list leaves a word out.
    name = re.sub(r"^meta/llama-3", "meta/meta-llama-3", name)
    if not PREDICTED.match(name) or row.get("mode") != "chat" or not row.get("input_cost_per_token"):
        return None
    owner, _, model = name.partition("/")
    there = {"google": "gemini/" + model, "openai": model,
             "anthropic": re.sub(r"claude-(\d)\.?(\d?)-(\w+)", lambda m: f"claude-{m[3]}-{m[1]}" + (f"-{m[2]}" if m[2] else ""), model)}
    made = rows.get(there.get(owner), {})
    limit = lambda field: row.get(field) or made.get(field)
    rates = litellm_rates(row)
    result = {
        "provider": "replicate", "model": name, "mode": "chat", "context": limit("max_input_tokens"),
        # The input of Gemini takes one less than Google itself.
        "max_output": limit("max_output_tokens") and min(limit("max_output_tokens"), 65535 if owner == "google" else 10**9),
        "flags": ["reasoning"] if row.get("supports_reasoning") else [],
        "prices": {tier: {bucket: text(price) for bucket, price in sorted(buckets.items())}
                   for (tier, threshold), buckets in sorted(rates.items(), key=str) if threshold is None},
        "source": row.get("source") or "litellm",
    }
    long = {tier: {bucket: text(price) for bucket, price in sorted(buckets.items())}
            for (tier, threshold), buckets in rates.items() if threshold is not None}
    if long:
        result["long_context_above"] = min(threshold for _, threshold in rates if threshold is not None)
        result["long_prices"] = long
    return {name: value for name, value in result.items() if value is not None}


def dearest_of_regions(entries):
    """A plain name of Bedrock costs what it costs in the dearest region that the list knows: where a region has no
    line of its own, nobody says that it is cheaper. Names with a region keep their own price."""
    regions = {}
    for one in entries:
        if one and one["provider"] == "aws_bedrock" and "/" in one["model"] and not one["model"].startswith("us-gov"):
            regions.setdefault(one["model"].split("/")[1], []).append(one["prices"]["standard"])
    for one in entries:
        if not one or one["provider"] != "aws_bedrock":
            continue
        rates = one["prices"]["standard"]
        for other in regions.get(one["model"], []):
            for bucket, price in other.items():
                if bucket in rates and Decimal(price) > Decimal(rates[bucket]):
                    rates[bucket] = price
                    one.setdefault("dearest_region", []).append(bucket)
        if "dearest_region" in one:
            one["dearest_region"] = sorted(set(one["dearest_region"]))


def spoken(name, row, providers, date):
    """Models that speak or listen: by the character, by the second, or by tokens where both sides have an end."""
    name = plain_name(name, row)
    mode = {"audio_speech": "speech", "audio_transcription": "transcription"}.get(row.get("mode"))
    if name is None or mode is None or "/" in name or re.search(r"realtime|live|azure-", name):
        return None
    price = lambda field: Decimal(row.get(field) or 0)
    result = {"provider": PROVIDERS[row["litellm_provider"]][0], "model": name, "mode": mode,
              "source": row.get("source") or "litellm", "retires_on": row.get("deprecation_date")}
    free = {"standard": {"input": "0", "output": "0"}}
    by_token = row.get("input_cost_per_token") and row.get("output_cost_per_token")
    if mode == "speech" and price("input_cost_per_character"):
        result |= {"prices": free, "character": text(price("input_cost_per_character") * 1_000_000)}
    elif mode == "transcription" and by_token and row.get("max_input_tokens") and row.get("max_output_tokens"):
        heard = max(price("input_cost_per_audio_token"), price("input_cost_per_token"))
        rates = {"input": price("input_cost_per_token"), "input_audio": heard, "output": price("output_cost_per_token")}
        rates = {bucket: rate * 1_000_000 for bucket, rate in rates.items()}
        other = find_genai(providers, PROVIDERS[row["litellm_provider"]][1], name)
        told = genai_prices(other, date).get(("standard", None), {}) if other else {}
        dearer = [f"standard.{bucket}" for bucket in rates if told.get(bucket, 0) > rates[bucket]]
        rates = {bucket: max(rate, told.get(bucket, rate)) for bucket, rate in rates.items()}
        result |= {"context": row["max_input_tokens"], "max_output": row["max_output_tokens"], "flags": ["audio_input"],
                   "prices": {"standard": {bucket: text(rate) for bucket, rate in rates.items()}}}
        result |= {"dearer_at_genai_prices": dearer} if dearer else {}
    elif mode == "transcription" and not by_token and price("input_cost_per_second"):
        result |= {"prices": free, "second": text(price("input_cost_per_second") * 1_000_000)}
    else:
        return None  # what is spoken has no known end
    return {name: value for name, value in result.items() if value is not None}


# The tokens of its pictures are in OpenAI's documents, and no answer of it holds words. What GPT Image 1.5 and
# `chatgpt-image-latest` write beside a picture is billed, and nobody says how much that may be.
DRAWS = re.compile(r"^gpt-image-(1|1-mini|2(\.\d+-[a-z]+)?)(-\d{4}-\d\d-\d\d)?$")
PER_PIXEL = re.compile(r"^azure/(hd|standard)/(\d+)-x-(\d+)/(dall-e-3)$")


DATED = re.compile(r"^(.+)-\d{4}-\d\d-\d\d$")


def no_cheaper_than_the_alias(entries):
    """An alias stands for one of its dated models, so none that hears costs less than it: lists that tell two prices
    for the sound of one model have missed one."""
    known = {(one["provider"], one["model"]): one for one in entries}
    for one in entries:
        dated = DATED.match(one["model"])
        alias = dated and known.get((one["provider"], dated[1]))
        if not alias or one["mode"] != "transcription" or "standard" not in alias["prices"]:
            continue
        rates, least = one["prices"]["standard"], alias["prices"]["standard"]
        dearer = [bucket for bucket in rates if Decimal(least.get(bucket, 0)) > Decimal(rates[bucket])]
        for bucket in dearer:
            rates[bucket] = least[bucket]
        one |= {"dearer_at_alias": [f"standard.{bucket}" for bucket in dearer]} if dearer else {}


def drawn(name, row, providers, date):
    """Models that make pictures and are paid by their tokens."""
    provider, genai_name, _ = PROVIDERS[row["litellm_provider"]]
    name = plain_name(name, row)
    if name is None or row.get("mode") != "image_generation" or not DRAWS.match(name):
        return None
    rates = {"input": "input_cost_per_token", "input_image": "input_cost_per_image_token",
             "output": "output_cost_per_image_token", "output_image": "output_cost_per_image_token"}
    rates = {bucket: Decimal(row[field]) * 1_000_000 for bucket, field in rates.items()}
    other = None if provider == "azure_openai" else find_genai(providers, genai_name, name)
    told = ((other or {}).get("prices") or {})
    told = told[-1]["prices"] if isinstance(told, list) else told
    fields = {"input": "input_mtok", "input_image": "input_image_mtok", "output": "output_mtok", "output_image": "output_mtok"}
    dearer = [f"standard.{bucket}" for bucket, field in fields.items() if Decimal(told.get(field, 0)) > rates[bucket]]
    rates = {bucket: max(rate, Decimal(told.get(fields[bucket], 0))) for bucket, rate in rates.items()}
    # developers.openai.com, images and vision: GPT Image 1 sees tiles of 129 tokens, 65 beside them, and up to 6240
    # more of what is to be kept closely. Of later ones no formula is published, so the most counts that any of
    # OpenAI's models makes of an image.
    first = re.match(r"gpt-image-1(-mini)?$", name)
    result = {"provider": provider, "model": name, "mode": "image", "images": {"most": 7337 if first else 20000},
              "draws": "gpt-image-1" if first else "gpt-image-2",
              "prices": {"standard": {bucket: text(rate) for bucket, rate in sorted(rates.items())}},
              "source": row.get("source") or "litellm", "retires_on": row.get("deprecation_date")}
    result |= {"dearer_at_genai_prices": dearer} if dearer else {}
    return {name: value for name, value in result.items() if value is not None}


def priced_by_the_picture(rows):
    """DALL-E at Azure: LiteLLM's list says what a pixel costs at each size and quality."""
    pictures, source = {}, None
    for name, row in sorted(rows.items()):
        found = PER_PIXEL.match(name)
        if not found:
            continue
        quality, width, height, model = found.groups()
        # The list has divided a price of whole tenths of a cent by its pixels, and rounded.
        price = (Decimal(row["input_cost_per_pixel"]) * int(width) * int(height)).quantize(Decimal("0.0001"))
        source = row.get("source") or source
        pictures.setdefault(model, []).append(
            {"quality": quality, "size": f"{width}x{height}", "price": text(price * 1_000_000)})
    for model, rates in pictures.items():
        yield {"provider": "azure_openai", "model": model, "mode": "image", "pictures": rates,
               "prices": {"standard": {"input": "0", "output": "0"}}, "source": source}


def by_the_picture(name, row):
    """Imagen: so much for each picture."""
    price = row.get("output_cost_per_image")
    if row.get("mode") != "image_generation" or not name.startswith("gemini/imagen-") or not price:
        return None
    return {"provider": "google", "model": name.removeprefix("gemini/"), "mode": "image",
            "prices": {"standard": {"input": "0", "output": "0"}}, "image": text(Decimal(price) * 1_000_000),
            "source": row.get("source") or "litellm"}


def drawn_by_gemini(name, row):
    """Models of Gemini that make pictures among their words. Both are output, which has a maximum; the tokens of pictures
    cost more."""
    if row.get("litellm_provider") != "gemini" or not re.match(r"gemini/gemini-\d.*-image(-preview)?$", name):
        return None
    fields = {"input": "input_cost_per_token", "output": "output_cost_per_token", "output_image": "output_cost_per_image_token"}
    rates = {bucket: Decimal(row.get(field) or 0) * 1_000_000 for bucket, field in fields.items()}
    if not all(rates.values()) or not row.get("max_output_tokens"):
        return None
    if row.get("output_cost_per_reasoning_token"):
        rates["output"] = max(rates["output"], Decimal(row["output_cost_per_reasoning_token"]) * 1_000_000)
    name = name.removeprefix("gemini/")
    result = {"provider": "google", "model": name, "mode": "image", "context": row.get("max_input_tokens"),
              "max_output": row["max_output_tokens"], "images": images("google", name, row) or {"most": 2240},
              "draws": "all-output", "flags": ["vision"],
              "prices": {"standard": {bucket: text(rate) for bucket, rate in sorted(rates.items())}},
              "source": row.get("source") or "litellm", "retires_on": row.get("deprecation_date")}
    return {name: value for name, value in result.items() if value is not None}


def routed(providers, date):
    """What Hugging Face's router passes on to others, at their prices: `model:provider`."""
    for entry in providers:
        if not entry["id"].startswith("huggingface_"):
            continue
        via = entry["id"].removeprefix("huggingface_")
        for model in entry["models"]:
            # Some went through binary fractions on their way (0.18000000000000002).
            rates = {bucket: price.quantize(Decimal("0.000001")) for bucket, price
                     in genai_prices(model, date).get(("standard", None), {}).items()}
            if "input" not in rates or "output" not in rates:
                continue
            result = {
                "provider": "huggingface", "model": f"{model['id']}:{via}", "mode": "chat",
                "context": model.get("context_window"), "flags": ["tools", "json_schema"],
                "prices": {"standard": {bucket: text(price) for bucket, price in sorted(rates.items())}},
                "source": "genai-prices",
            }
            yield {name: value for name, value in result.items() if value is not None}


def main():
    litellm_path, litellm_version, genai_path, genai_version, date = sys.argv[1:]
    raw = {path: open(path, "rb").read() for path in (litellm_path, genai_path)}
    rows = json.loads(raw[litellm_path], parse_float=Decimal)
    genai = json.loads(raw[genai_path], parse_float=Decimal)
    providers = genai if isinstance(genai, list) else genai["providers"]
    entries = [entry(name, row, providers, date) for name, row in sorted(rows.items())
               if row.get("litellm_provider") in PROVIDERS and row["litellm_provider"] != "replicate"]
    dearest_of_regions(entries)
    entries += [spoken(name, row, providers, date) for name, row in sorted(rows.items())
                if row.get("litellm_provider") in {"openai", "azure"}]
    no_cheaper_than_the_alias([one for one in entries if one])
    entries += [drawn(name, row, providers, date) for name, row in sorted(rows.items())
                if row.get("litellm_provider") in {"openai", "azure"}]
    entries += priced_by_the_picture(rows)
    entries += [predicted(name, row, rows) for name, row in sorted(rows.items())]
    entries += [drawn_by_gemini(name, row) for name, row in sorted(rows.items())]
    entries += [by_the_picture(name, row) for name, row in sorted(rows.items())]
    entries += routed(providers, date)
    sources = [
        {"name": "litellm", "version": litellm_version, "licence": "MIT",
         "url": "https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json",
         "sha256": hashlib.sha256(raw[litellm_path]).hexdigest()},
        {"name": "genai-prices", "version": genai_version, "licence": "MIT",
         "url": "https://github.com/pydantic/genai-prices",
         "sha256": hashlib.sha256(raw[genai_path]).hexdigest()},
    ]
    lines = [json.dumps(one, ensure_ascii=False) for one in entries if one]
    print('{"version": %s,\n "sources": %s,\n "models": [\n%s\n]}'
          % (json.dumps(date), json.dumps(sources, indent=1), ",\n".join(lines)))


if __name__ == "__main__":
    main()
