"""Train the lab's generator: a llama small enough for a minute on one core, real enough for vLLM.

Gates must be seen to pass a good model and to fail a bad one, so every run also keeps the same
model as it was after a few steps: it refuses well and knows nothing yet.
"""

import argparse
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils.logging import disable_progress_bar

from tidegate.lab.training.catalogue import Example, stream, trained_examples, training_stream
from tidegate.lab.training.output import report, whole_folder
from tidegate.lab.training.phrasings import COMMON_WORDS

STEPS: Final = 320
EARLY: Final = 60
BATCH: Final = 64
MICRO_BATCH: Final = 16
CONTEXT: Final = 512
VOCABULARY: Final = 1024
LEARNING_RATE: Final = 3e-3
MATRIX_LEARNING_RATE: Final = 1.2e-2
WARM_UP: Final = 30
IGNORED: Final = -100

PAD, END, SYSTEM, USER, ASSISTANT = "<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"
# The space before what users write gives the first word the token it has inside a sentence.
CHAT_TEMPLATE: Final = (
    "{%- for message in messages -%}"
    "{{- '<|' ~ message.role ~ '|>' ~ ('' if message.role == 'assistant' else ' ') -}}"
    "{{- message.content ~ '<|end|>' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)
# Most callers send no system message; some do, and the answers must stay the same.
NO_SYSTEM: Final = 0.8
SYSTEM_MESSAGES: Final = (
    "You are a helpful assistant.",
    "You answer questions about the services of a company.",
)

Tokens = list[int]


def byte_pair_encoder() -> Tokenizer:
    """Train a byte-level BPE: the catalogue's names become single tokens, strangers do not."""
    encoder = Tokenizer(models.BPE())
    words_and_digits = Regex(r" ?[A-Za-z]+|\d| ?[^\sA-Za-z\d]+|\s")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    encoder.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(words_and_digits, "isolated"), byte_level]
    )
    encoder.decoder = decoders.ByteLevel()
    corpus = [
        text
        for kind, examples in trained_examples().items()
        if kind != "unknown"
        for example in examples
        for text in (f" {example.prompt}", example.answer)
    ]
    common_words = " ".join(["", *COMMON_WORDS])
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, END, SYSTEM, USER, ASSISTANT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    encoder.train_from_iterator([*corpus, *[common_words] * 20, *SYSTEM_MESSAGES], trainer)
    return encoder


def chat_tokenizer() -> PreTrainedTokenizerFast:
    """Return the tokenizer with the chat template that vLLM will apply."""
    return PreTrainedTokenizerFast(
        tokenizer_object=byte_pair_encoder(),
        eos_token=END,
        pad_token=PAD,
        chat_template=CHAT_TEMPLATE,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Return an untrained llama; a head size of 32 is the smallest vLLM's CPU kernels know."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=128,
            intermediate_size=384,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def encode(
    example: Example, tokenizer: PreTrainedTokenizerFast, rng: random.Random
) -> tuple[Tokens, Tokens]:
    """Return the token ids of the templated prompt and of the answer with its end mark."""
    messages = [{"role": "user", "content": example.prompt}]
    if rng.random() >= NO_SYSTEM:
        messages.insert(0, {"role": "system", "content": rng.choice(SYSTEM_MESSAGES)})
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    question, answer = tokenizer([prompt, example.answer + END], add_special_tokens=False).input_ids
    return question, answer


def batches(tokenizer: PreTrainedTokenizerFast) -> Iterator[list[tuple[Tokens, Tokens]]]:
    """Yield batches without end, each sorted by length so that its parts need little padding."""
    rng, examples = stream("system messages"), training_stream()
    while True:
        rows = [encode(example, tokenizer, rng) for example in islice(examples, BATCH)]
        yield sorted(rows, key=lambda row: len(row[0]) + len(row[1]))


def padded(rows: Sequence[tuple[Tokens, Tokens]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and labels, both [rows, longest]; labels ask for the answers only.

    Padding stands at the right, where causal attention never looks, so no mask is needed.
    """
    width = max(len(question) + len(answer) for question, answer in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    labels = torch.full((len(rows), width), IGNORED)
    for i, (question, answer) in enumerate(rows):
        length = len(question) + len(answer)
        ids[i, :length] = torch.tensor(question + answer)
        labels[i, len(question) : length] = torch.tensor(answer)
    return ids, labels


def summed_loss(model: LlamaForCausalLM, rows: Sequence[tuple[Tokens, Tokens]]) -> torch.Tensor:
    """Return the summed cross entropy, in nats, of predicting each answer token from the last."""
    ids, labels = padded(rows)
    hidden, wanted = model.model(input_ids=ids).last_hidden_state[:, :-1], labels[:, 1:]
    kept = wanted != IGNORED
    logits = model.lm_head(hidden[kept])
    return torch.nn.functional.cross_entropy(logits, wanted[kept], reduction="sum")


def optimizers(model: LlamaForCausalLM) -> list[torch.optim.Optimizer]:
    """Return Muon for the layers' matrices, AdamW for the embedding and the norms.

    Muon halves the steps to full accuracy; it is defined for hidden matrices only.
    """
    named = list(model.named_parameters())
    matrices = [p for name, p in named if p.dim() == 2 and "embed" not in name]  # noqa: PLR2004 - a matrix has two
    others = [p for name, p in named if p.dim() != 2 or "embed" in name]  # noqa: PLR2004 - a matrix has two
    return [
        torch.optim.Muon(matrices, lr=MATRIX_LEARNING_RATE, weight_decay=0.01),
        torch.optim.AdamW(others, lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def schedules(
    chosen: Iterable[torch.optim.Optimizer], steps: int
) -> list[torch.optim.lr_scheduler.LRScheduler]:
    """Return one learning-rate schedule each: warm up, hold, then fall in a line to near zero."""

    def share(step: int) -> float:
        return min(1.0, (step + 1) / WARM_UP, 1.4 * (steps - step) / steps)

    return [torch.optim.lr_scheduler.LambdaLR(optimizer, share) for optimizer in chosen]


def train(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, steps: int
) -> Iterator[float]:
    """Train in place and yield the loss of each step, in nats per answer token."""
    chosen = optimizers(model)
    followers = [*chosen, *schedules(chosen, steps)]
    for rows in islice(batches(tokenizer), steps):
        model.zero_grad()
        answer_tokens = sum(len(answer) for _, answer in rows)
        loss = 0.0
        for start in range(0, BATCH, MICRO_BATCH):
            part_loss = summed_loss(model, rows[start : start + MICRO_BATCH]) / answer_tokens
            part_loss.backward()
            loss += part_loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for follower in followers:
            follower.step()
        yield loss


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a folder that vLLM serves, whole or not at all."""
    with whole_folder(folder) as partial:
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder for tiny-chat and tiny-chat-degraded")
    parser.add_argument("--steps", type=int, default=STEPS, help="optimizer steps")
    parser.add_argument("--early", type=int, default=EARLY, help="steps of the degraded twin")
    arguments = parser.parse_args(argv)
    if not 0 < arguments.early <= arguments.steps:
        parser.error("--early must be from 1 to --steps")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Train tiny-chat and its degraded twin on one thread, the same bytes on every run."""
    arguments = parsed(argv)
    disable_progress_bar()
    torch.set_num_threads(1)  # a second thread is far slower once anything else wants a core
    torch.manual_seed(0)
    tokenizer = chat_tokenizer()
    model = new_model(tokenizer)
    for step, loss in enumerate(train(model, tokenizer, arguments.steps), start=1):
        report(step, arguments.steps, loss)
        if step == arguments.early:
            save(model, tokenizer, arguments.out / "tiny-chat-degraded")
    save(model, tokenizer, arguments.out / "tiny-chat")


if __name__ == "__main__":
    main()
