"""Train the lab's own models, because no small generator or reranker can be pulled offline.

Run by the interpreter of the lab environment, which holds torch and transformers:

    PYTHONPATH=ci python -m tidegate.lab.training.generator OUT
    PYTHONPATH=ci python -m tidegate.lab.training.reranker OUT --encoder MINILM_FOLDER

`catalogue`, `phrasings`, `evals` and `output` need the standard library only.
"""
