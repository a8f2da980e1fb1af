"""What the command line takes, and what of it goes into a reply's settings."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from engine.config import AUTOMATIC, PRESETS, ROOM, USUAL, WEIGHTS, Chosen, Preset, Weights
from engine.config.tailoring import RECIPES, WAYS, tailored
from engine.gpus import CAP
from engine.library import terminal as models
from engine.teaching.offered import OFFERED
from engine.version import VERSION

Command = Callable[[argparse.Namespace], int]
TAUGHT = tuple(OFFERED)


def parser(description: str, *, ask: Command, chat: Command, bench: Command, teach: Command) -> argparse.ArgumentParser:
    """Return what reads the command line; each command's function is in what it read, as ``run``."""
    made = argparse.ArgumentParser(prog="python -m engine", description=description)
    made.add_argument("--version", action="version", version=f"Updraft {VERSION}")
    commands = made.add_subparsers(title="commands", required=True, metavar="COMMAND")
    asking = commands.add_parser("ask", help="answer one question and stop")
    asking.add_argument("question", help="what to ask; - reads it from standard input")
    asking.set_defaults(run=ask)
    chatting = commands.add_parser("chat", help="talk; /quit or Ctrl+D ends it, Ctrl+C stops an answer")
    chatting.set_defaults(run=chat)
    benching = commands.add_parser("bench", help="measure what passes cost and methods gain")
    _add_bench_options(benching)
    _add_shape_options(benching)
    _add_paper_options(benching)
    benching.set_defaults(run=bench)
    teaching = commands.add_parser("teach", help="make a drafter for a model from its own answers, on this machine")
    _add_teaching_options(teaching)
    teaching.set_defaults(run=teach)
    models.add_arguments(commands)
    for command in (asking, chatting):
        command.add_argument("--preset", choices=list(PRESETS), help="the method (default: one that suits the model)")
    for command in (asking, chatting, benching):
        _add_reply_options(command)
        _add_method_options(command)
    benching.set_defaults(max_tokens=512)
    return made


def _add_bench_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "what",
        nargs="?",
        choices=["auto", "papers", "teach"],
        help="auto: the method that chooses, beside every fixed chain; papers: what they publish beside what this "
        "machine gives; teach: what its steps take for a --shape",
    )
    command.add_argument("--presets", nargs="+", choices=list(PRESETS), default=[], help="which (default: all)")
    command.add_argument("--kinds", nargs="+", choices=TAUGHT, help="of what can be taught (default: all)")
    command.add_argument("--batch", type=_count, metavar="N", help="tokens of a step of teaching")
    command.add_argument(
        "--context", type=_count, default=1024, help="tokens behind a timed pass (default: %(default)s)"
    )
    command.add_argument("--transformers", action="store_true", help="also time transformers on the same weights")
    command.add_argument(
        "--llama-cpp",
        type=Path,
        metavar="FILE",
        help="against llama.cpp on this GGUF file, in turns on the CPU; without --model both run the file; it needs "
        "node-llama-cpp, installed in the current folder or in the one that UPDRAFT_LLAMA_CPP names",
    )
    command.add_argument(
        "--paces", action="store_true", help="check what answers claim against plain ones, in turns (with --presets)"
    )
    command.add_argument(
        "--rules", action="store_true", help="how much each drafter's windows keep by this rule and by others"
    )
    command.add_argument(
        "--drift", action="store_true", help="how far lossy answers leave the model, over the dial (default: pyramid)"
    )


def _add_shape_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--shape",
        help="random weights of a known shape, acceptance simulated: llama-3.1-8b, qwen3-8b, …; "
        "bench auto: costs and agreement as measured or published, no model: llama-3.1-8b, starter-cpu, starter-h200",
    )
    command.add_argument(
        "--rates",
        type=_share,
        nargs="+",
        default=[0.75, 0.85],
        help="with --shape: what share of the level below each judge keeps, bottom first (default: 0.75 0.85)",
    )
    command.add_argument(
        "--drafter",
        choices=["eagle3", "dspark"],
        help="with --shape: a drafter of that kind as well, of its published shape; agreement simulated as published",
    )
    command.add_argument(
        "--keys", type=_count, default=9, help="with --shape: how many replies a method gets (default: %(default)s)"
    )


def _add_paper_options(command: argparse.ArgumentParser) -> None:
    common = "--questions, --categories, --limit and --minutes"
    papers = command.add_argument_group(f"bench papers, and of these {common}: bench auto")
    names = ["hispec", "hsd", "pyramidsd", "policies", "auto"]
    papers.add_argument(
        "--grid", choices=["all", "few"], default="all", help="bench auto: windows of the fixed chains (default: all)"
    )
    papers.add_argument(
        "--load", action="store_true", help="bench auto: other programs take half the machine now and then"
    )
    papers.add_argument("--papers", nargs="+", choices=names, default=[], help="which (default: all)")
    papers.add_argument(
        "--questions", type=Path, metavar="FILE", help="Spec-Bench's question.jsonl (default: a few of our own)"
    )
    papers.add_argument(
        "--categories", nargs="+", default=[], metavar="NAME", help="Spec-Bench's: writing, qa, rag, mt_bench, …"
    )
    papers.add_argument("--limit", type=_count, metavar="N", help="questions of each category (default: all)")
    papers.add_argument("--minutes", type=float, metavar="N", help="ask nothing more after so long (default: all)")
    papers.add_argument("--svg", type=Path, metavar="FOLDER", help="write a picture of each table there")


def _add_teaching_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", metavar="NAME", help="an installed set or a model folder (default: the starter)")
    command.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    _add_vram(command)
    command.add_argument("--what", choices=TAUGHT, default=TAUGHT[0], help="the kind of drafter (default: %(default)s)")
    command.add_argument("--minutes", type=float, default=30.0, help="how long (default: %(default)s)")
    command.add_argument(
        "--prompts", type=Path, metavar="FILE", help="a prompt a line (default: those that come along)"
    )
    command.add_argument(
        "--own",
        type=Path,
        metavar="FILE",
        help="your own questions, a line each, with as many of the others; they are forgotten once it is done",
    )
    command.add_argument("--out", type=Path, metavar="FOLDER", help="write it there, and change nothing else")
    command.add_argument(
        "--on",
        action="store_true",
        help="let the drafter there is learn on from what the model answered in your chats; used only if it is better",
    )
    command.add_argument("--chats", type=Path, metavar="FOLDER", help="with --on: where these are (default: as usual)")
    command.add_argument("--timed", action="store_true", help="with --on: what it learnt is tried in answers as well")
    command.add_argument("--forget", action="store_true", help="delete all that drafters learnt by --on")
    command.add_argument(
        "--as-stored",
        action="store_true",
        help="learn from the weights as the model's files have them, for drafters of other machines too "
        "(default: as this one runs them: a processor as stored, a GPU as NF4 but for models in groups of 4 bits)",
    )
    command.add_argument("--batch", type=_count, help="tokens a step (default: as suits the device)")
    command.add_argument(
        "--layers", type=_count, metavar="N", help="how many layers a draft or a qualifier has (default: a share)"
    )
    command.add_argument(
        "--initial", type=Path, metavar="FOLDER", help="begin with the weights of this one, of the same kind"
    )
    command.add_argument("--fresh", action="store_true", help="begin anew, whatever was taught before")
    command.add_argument(
        "--json",
        action="store_true",
        help="for a program: tells what happens in lines of JSON, and takes pause, resume and stop from standard input",
    )


def _add_vram(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--vram",
        type=_gigabytes,
        metavar="GB",
        help=f"as if the GPU had no more memory than this, to try out a smaller one; in the window: {CAP}",
    )


def _add_reply_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", metavar="NAME", help="an installed set or a model folder (default: the starter)")
    command.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    command.add_argument(
        "--room", type=int, default=ROOM, help="the most tokens of a conversation on a GPU (default: %(default)s)"
    )
    command.add_argument(
        "--threads", type=int, default=AUTOMATIC, help="how many compute on a CPU (default: as many as prove fastest)"
    )
    command.add_argument("--dense-head", action="store_true", help="keep the head in 16 bits on a GPU, not in 4")
    command.add_argument(
        "--weights",
        choices=get_args(Weights),
        default=WEIGHTS,
        help="how a CPU holds weights: as stored where that is at 4 or 8 bits, and all others at 8; at 8 or at 4 bits, "
        "NF4 as well; or exact, in 32 (default: %(default)s)",
    )
    _add_vram(command)
    command.add_argument("--eager", action="store_true", help="without CUDA graphs: slower, to compare with")
    command.add_argument("--system", default="", help="a system prompt")
    for name, words, kind in (
        ("--temperature", "0 is greedy", float),
        ("--top-k", "0 is off", int),
        ("--top-p", "1 is off", float),
        ("--min-p", "0 is off", float),
        ("--repetition-penalty", "1 is off", float),
    ):
        command.add_argument(name, type=kind, help=f"{words} (default: what the model's makers suggest)")
    command.add_argument("--seed", type=int, help="the same seed gives the same reply")
    command.add_argument("--max-tokens", type=_count, help="the longest reply (default: as long as the context holds)")
    command.add_argument(
        "--think",
        action=argparse.BooleanOptionalAction,
        help="whether to think before answering, for models that can do either (default: as the model does)",
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="write every event there, one JSON object a line")


def _add_method_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--acceptance",
        choices=list(WAYS),
        default="preset",
        help="by which rule guesses are kept: exact, or by one that is lossy; preset leaves it to the method",
    )
    command.add_argument(
        "--tolerance",
        type=_share,
        default=USUAL,
        metavar="DIAL",
        help="how much a lossy rule tolerates, from 0, which is exact, to 1 (default: %(default)s)",
    )
    command.add_argument(
        "--recipe",
        choices=list(RECIPES),
        default="ours",
        help="whose settings a method runs with: ours, or those of its paper (HiSpec and Pyramid)",
    )


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


def _gigabytes(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no size")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} does not lie between 0 and 1")
    return value


def as_asked(preset: Preset, arguments: argparse.Namespace) -> Preset:
    """Return ``preset`` with the rule, the tolerance and the settings that were asked for."""
    return tailored(preset, (), arguments.acceptance, arguments.tolerance, arguments.recipe)


def chosen(arguments: argparse.Namespace) -> Chosen:
    """Return what was chosen of how tokens are drawn; raises SettingError for what makes no sense."""
    return Chosen(
        arguments.temperature,
        arguments.top_k,
        arguments.top_p,
        arguments.min_p,
        arguments.repetition_penalty,
        arguments.seed,
    )
