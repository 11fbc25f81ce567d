"""llama.cpp's own server (PyPI `xllamacpp`) on the same file, for benches/local.rs. Prints one line of JSON.

    pip install xllamacpp
    python llama_cpp.py MODEL THREADS
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

STORY = "Tell me a very long and detailed story about {}."
LONG = "The harbour town lies between two hills. " * 120 + "What is this text about?"


def main(model: str, threads: int) -> None:
    # llama.cpp prints to stdout and stderr by itself; the figures get the real stdout.
    out = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = 8192
    params.n_parallel = 4
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.warmup = False
    server = xllamacpp.Server(params)

    def ask(content: str, tokens: int) -> dict:
        return server.handle_chat_completions({
            "messages": [{"role": "user", "content": content}],
            "max_tokens": tokens, "temperature": 0.2, "top_p": 0.9, "top_k": 40, "repeat_penalty": 1.1,
            "ignore_eos": True,
        })["timings"]

    ask("Hello", 4)
    one = ask(STORY.format("a fox"), 128)
    started = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        four = list(pool.map(lambda who: ask(STORY.format(who), 128), ["a cat", "a dog", "a cow", "an owl"]))
    four_seconds = time.monotonic() - started
    long = ask(LONG, 2)
    figures = {
        "one": one["predicted_per_second"],
        "four": sum(t["predicted_n"] for t in four) / four_seconds,
        "first_ms": one["prompt_ms"],
        "prompt": long["prompt_per_second"],
    }
    os.write(out, (json.dumps(figures) + "\n").encode())
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
