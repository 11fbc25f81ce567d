#!/usr/bin/env bash
# LiteLLM: its cost-based routing takes a model that is priced by the length of the context for one that costs nothing.
#
# Guess:  the price map, the bill and the router agree: "cost-based-routing" picks the model that is billed least.
# Is so:  models whose prices stand in `tiered_pricing` have no `input_cost_per_token` beside it. The bill reads the tiers,
#         `get_model_info` answers 0, and the router, which compares those, prefers a model that is billed 12 times as much for
#         what is sent and 15 times for what comes back. That holds for 49 of the 51 chat models with tiers.
# Ours:   whoever reads this price map reads the tiers first and treats a price of 0 as unknown, as `tessera prices import` does.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check litellm==1.110.2

cat >"$work/try.py" <<'PY'
import asyncio
import sys
import warnings
from importlib.metadata import version

import litellm

warnings.simplefilter("ignore")
TIERED, FLAT = "dashscope/qwen3-max", "openai/gpt-4.1-nano"


def billed(model):
    return litellm.cost_per_token(model=model, prompt_tokens=1000, completion_tokens=1000)


async def picked():
    deployments = [{"model_name": "any", "litellm_params": {"model": model, "api_key": "none"}} for model in (TIERED, FLAT)]
    router = litellm.Router(model_list=deployments, routing_strategy="cost-based-routing")
    seen = set()
    for _ in range(20):
        chosen = await router.async_get_available_deployment(
            model="any", messages=[{"role": "user", "content": "Hello"}], request_kwargs={}
        )
        seen.add(chosen["litellm_params"]["model"])
    return seen


print("litellm", version("litellm"))
for model in (TIERED, FLAT):
    info = litellm.get_model_info(model)
    print(f"{model:22} billed for 1,000 + 1,000 tokens: {sum(billed(model)):.4f}; price in its info:", info["input_cost_per_token"])
chosen = asyncio.run(picked())
print("cost-based routing picks:", *chosen)
tiered = [name for name, facts in litellm.model_cost.items() if facts.get("tiered_pricing") and facts.get("mode") == "chat"]
free = [name for name in tiered if litellm.get_model_info(name)["input_cost_per_token"] == 0]
print(f"chat models with tiers: {len(tiered)}, of which the info says 0: {len(free)}")
ratios = [round(dear / cheap) for dear, cheap in zip(billed(TIERED), billed(FLAT))]
as_described = chosen == {TIERED} and ratios == [12, 15] and (len(tiered), len(free)) == (51, 49)
sys.exit(0 if as_described else "this is not what was seen before")
PY
cd "$work"
LITELLM_LOCAL_MODEL_COST_MAP=True "$work/env/bin/python" try.py 2>/dev/null
