"""vLLM's API server, started by the lab environment's interpreter, as `vllm serve` starts it.

Its engine begins as a copy of the server's process. On CPUs vLLM starts another interpreter for it,
which imports the same 8 s of code again; here nothing has begun yet that must not be copied.
"""

import multiprocessing

from vllm.entrypoints.launchers.api_server.entry import main
from vllm.v1.engine import utils

if __name__ == "__main__":
    utils.get_mp_context = lambda: multiprocessing.get_context("fork")
    main()
