"""Fine-tune the lab's reranker from MiniLM, because a cross-encoder this small learns no other way.

A pair of a question and a document scores high when the document answers the question. Wrong
documents are near misses: another attribute of the same service, or the same of another one.
"""

import argparse
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import torch
from transformers import BertForSequenceClassification, BertTokenizer
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from tidegate.lab.training.output import report, whole_folder
from tidegate.lab.training.ranking import Pair, ranking_pairs

STEPS: Final = 120
BATCH: Final = 16
LEARNING_RATE: Final = 2e-4
WARM_UP: Final = 20
CONTEXT: Final = 512


def pair_tokenizer(encoder: Path) -> BertTokenizer:
    """Return MiniLM's tokenizer, freed of the 128 tokens its file cuts and pads to."""
    tokenizer = BertTokenizer.from_pretrained(encoder, model_max_length=CONTEXT)
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    return tokenizer


def cross_encoder(encoder: Path) -> BertForSequenceClassification:
    """Return MiniLM with one new output, its embeddings frozen.

    The embeddings are half the weights, and a step is quicker without them. Dropout is off, as the
    model sees too few pairs to learn any by heart.
    """
    model = BertForSequenceClassification.from_pretrained(
        encoder, num_labels=1, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    model.bert.embeddings.requires_grad_(requires_grad=False)
    return model


def pair_loss(
    model: BertForSequenceClassification, tokenizer: BertTokenizer, pairs: Sequence[Pair]
) -> torch.Tensor:
    """Return the mean binary cross entropy, in nats, of one score for each pair."""
    tokens = tokenizer(
        [pair.query for pair in pairs],
        [pair.document for pair in pairs],
        padding=True,
        return_tensors="pt",
    )
    wanted = torch.tensor([float(pair.answers) for pair in pairs])
    scores = model(**tokens).logits[:, 0]
    return torch.nn.functional.binary_cross_entropy_with_logits(scores, wanted)


def train(
    model: BertForSequenceClassification, tokenizer: BertTokenizer, steps: int
) -> Iterator[float]:
    """Train in place and yield the loss of each step, in nats per pair."""
    learning = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=LEARNING_RATE, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / WARM_UP, 1 - step / steps)
    )
    pairs = ranking_pairs()
    model.train()
    for _ in range(steps):
        loss = pair_loss(model, tokenizer, list(islice(pairs, BATCH)))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        schedule.step()
        yield loss.item()


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder for tiny-rerank")
    parser.add_argument("--steps", type=int, default=STEPS, help="optimizer steps")
    parser.add_argument("--encoder", type=Path, required=True, help="folder of MiniLM")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Train tiny-rerank on one thread, the same bytes on every run."""
    arguments = parsed(argv)
    disable_progress_bar()
    set_verbosity_error()  # the new output is missing from the encoder, as it must be
    torch.set_num_threads(1)  # a second thread is far slower once anything else wants a core
    torch.manual_seed(0)
    tokenizer = pair_tokenizer(arguments.encoder)
    model = cross_encoder(arguments.encoder)
    for step, loss in enumerate(train(model, tokenizer, arguments.steps), start=1):
        report(step, arguments.steps, loss)
    with whole_folder(arguments.out / "tiny-rerank") as partial:
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)


if __name__ == "__main__":
    main()
