"""The axes: what a study may vary. One value on every axis is a setting of a cell.

An axis is a field of `Axes`, and its entry there is the one place that defines it: the config's
keys, the ids of cells, the columns of `summary.csv` and the report all follow from it. A new axis
needs an entry, and its words in the report's catalogues: `axis_label`, `axis_heading` and, where
its values are numbers, `axis_words`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_type_hints

from vlmeter.errors import Sentence

Device = Literal["cuda", "cpu"]
Dtype = Literal["fp32", "fp16", "bf16"]
ImageInput = Literal["processor", "native"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What defines an axis beside its name and the type of its values."""

    id_place: int
    """Where it stands in a cell's id. An axis that comes later takes a place behind the others."""
    id_form: str = "{}"
    id_omits: Literal["default", "base"] | None = None
    """The value that an id leaves out: the default, or that of the base cell.

    An axis that comes later leaves out its default: the cells of earlier studies keep their ids.
    """
    default: str | int | Mapping[Device, str] | None = None
    """The base cell's value where its config gives none; a table gives one for each device."""
    at_least: int | None = None
    at_most: int | None = None
    acts_through_input: bool = False
    """Whether it acts only through the input of the model, whose shapes a record holds."""
    acts_on_generation_alone: bool = False
    """Whether it acts on the timed generation alone: cells that differ in nothing else share their
    answers, which are computed once."""
    may_change_answers: bool = True
    """Whether another value is meant to change what a model answers."""
    unit: str = ""
    """Unit of the column; empty for texts and counts."""
    description: Sentence
    """What the column holds."""
    key_description: Sentence
    """What the key of the config decides."""


@dataclass(frozen=True)
class Axes:
    """One value on every axis, in the order in which ids, tables and sentences list them."""

    model: Annotated[
        str,
        Entry(
            id_place=1,
            description=Sentence("Name of the model."),
            key_description=Sentence("A name below `models`."),
        ),
    ]
    prompt: Annotated[
        str,
        Entry(
            id_place=9,
            id_form="prompt_{}",
            id_omits="base",
            default="bare",
            acts_through_input=True,
            description=Sentence("Name of the prompt template."),
            key_description=Sentence(
                "A template's name below the data set's `prompts`, or `family`: the model "
                "family's own for the task."
            ),
        ),
    ]
    device: Annotated[
        Device,
        Entry(
            id_place=7,
            default="cuda",
            description=Sentence("Device that the cell ran on."),
            key_description=Sentence("Where the model runs."),
        ),
    ]
    dtype: Annotated[
        Dtype,
        Entry(
            id_place=5,
            default={"cuda": "fp16", "cpu": "fp32"},
            description=Sentence("Number format of the weights."),
            key_description=Sentence(
                "Number format of the weights; one for all devices or one per device "
                "(fp16 on a CPU is many times slower than fp32)."
            ),
        ),
    ]
    image_size: Annotated[
        int,
        Entry(
            id_place=3,
            id_form="img{}",
            default=224,
            at_least=16,
            at_most=4096,
            acts_through_input=True,
            unit="px",
            description=Sentence("Side of the preprocessed images, or of a square of their size."),
            key_description=Sentence(
                "Images are brought to this many pixels a side before the processor; natively, "
                "to no more pixels than such a square has."
            ),
        ),
    ]
    image_input: Annotated[
        ImageInput,
        Entry(
            id_place=8,
            id_omits="default",
            default="processor",
            acts_through_input=True,
            description=Sentence("Who decides the size the model sees: processor or native."),
            key_description=Sentence(
                "`processor`: the model's processor resizes a square of `image_size` to what the "
                "model takes; `native`: images keep their form, where the model takes more than "
                "one, and are not enlarged; of another model the position encodings are "
                "interpolated to `image_size`."
            ),
        ),
    ]
    max_image_tokens: Annotated[
        int,
        Entry(
            id_place=10,
            id_form="tok{}",
            id_omits="default",
            default=0,
            at_least=0,
            at_most=1_000_000,
            acts_through_input=True,
            unit="tokens",
            description=Sentence("Most tokens of an image; 0 is what the model comes with."),
            key_description=Sentence(
                "Most tokens of an image: the setting of the model's processor that decides how "
                "many it takes goes up to this number. 0 leaves it as it comes. "
                "`docs/supported.md` has the setting of each family."
            ),
        ),
    ]
    batch_size: Annotated[
        int,
        Entry(
            id_place=2,
            id_form="bs{}",
            default=1,
            at_least=1,
            at_most=65536,
            may_change_answers=False,
            description=Sentence("Samples in one forward pass."),
            key_description=Sentence("Samples in one forward pass."),
        ),
    ]
    max_input_len: Annotated[
        int,
        Entry(
            id_place=4,
            id_form="len{}",
            default=200,
            at_least=1,
            at_most=1_000_000,
            acts_through_input=True,
            unit="tokens",
            description=Sentence("Most text tokens of a prompt."),
            key_description=Sentence(
                "Most *text* tokens of a prompt; the question is cut, not the template."
            ),
        ),
    ]
    optimization: Annotated[
        str,
        Entry(
            id_place=6,
            default="eager",
            may_change_answers=False,
            description=Sentence("How the model is executed."),
            key_description=Sentence(
                "How the model is executed: `eager`, `sdpa`, `compile`, `flash_attention_2`, "
                "`flex_attention`, `static_cache`, `int8`, `int4`, or a name below "
                "`optimizations`."
            ),
        ),
    ]
    new_tokens: Annotated[
        int,
        Entry(
            id_place=11,
            id_form="new{}",
            id_omits="base",
            default=16,
            at_least=2,
            at_most=65536,
            acts_on_generation_alone=True,
            may_change_answers=False,
            unit="tokens",
            description=Sentence("Forced length of the timed generation."),
            key_description=Sentence(
                "Forced length of the timed generation. It changes no answer: cells that differ in "
                "it alone are answered once."
            ),
        ),
    ]

    @property
    def stored_size(self) -> str:
        """How the images that a cell is fed are called: those that keep their form stand apart."""
        return f"{self.image_size}{'-native' if self.image_input == 'native' else ''}"

    def as_dict(self) -> dict[str, str | int]:
        """Return the values by axis, in the order of the axes."""
        # Not `asdict`, which copies in depth: a large study asks for thousands of these.
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True)
class Axis(Entry):
    """An axis: its entry with its name and the type of its values."""

    name: str
    value_type: Any
    """`str` for a name that the config defines elsewhere, `int` or a `Literal`."""

    @property
    def is_number(self) -> bool:
        """Whether the values are numbers; otherwise they are texts."""
        return self.value_type is int

    @property
    def follows_device(self) -> bool:
        """Whether the base cell may have a value for each device."""
        return isinstance(self.default, Mapping)


def _list_axes() -> tuple[Axis, ...]:
    hints = get_type_hints(Axes, include_extras=True)
    typed = ((name, *get_args(hint)) for name, hint in hints.items())
    return tuple(
        Axis(name=name, value_type=value_type, **vars(entry)) for name, value_type, entry in typed
    )


AXES = _list_axes()
AXIS_NAMES = tuple(axis.name for axis in AXES)
GENERATION_AXES = frozenset(axis.name for axis in AXES if axis.acts_on_generation_alone)
"""They change neither a forward pass nor an answer, but how long a timed generation is."""
_BY_PLACE_IN_ID = sorted(AXES, key=lambda axis: axis.id_place)


def write_cell_id(axes: Axes, base: Mapping[str, object]) -> str:
    """Return the readable id of a cell; it must not depend on which other cells a study has.

    Args:
        axes: The cell's values.
        base: The base cell's, by axis.
    """
    parts = []
    for axis in _BY_PLACE_IN_ID:
        value = getattr(axes, axis.name)
        if axis.id_omits is None or value != (
            axis.default if axis.id_omits == "default" else base[axis.name]
        ):
            parts.append(axis.id_form.format(value))
    return "-".join(parts)
