"""Loads the fields that only a Map has, inline or distributed."""

from collections.abc import Callable, Iterable

from local.stepfunctions.definition import Batcher, MapFields, Program, Reader
from local.stepfunctions.expressions import Template
from local.stepfunctions.fields import Fields
from local.stepfunctions.resources import READERS, WRITER

_MAX_LABEL = 40
_MAX_ITEMS = 100_000_000
_FORBIDDEN_IN_LABEL = frozenset(' ?*<>{}[]:;,\\|^~$#%&`"')
_DISTRIBUTED_ONLY = ("ItemReader", "ItemBatcher", "ResultWriter", "ToleratedFailurePercentage", "ToleratedFailureCount", "Label")

LoadProgram = Callable[[Fields, frozenset[str]], Program]


def load_map(fields: Fields, variables: frozenset[str], program: LoadProgram) -> MapFields:
    """`variables` are those of the outer scopes, which an inline processor sees and a distributed one does not."""
    processor = Fields(fields.take("ItemProcessor"), f"{fields.where}, ItemProcessor")
    distributed = _mode(processor)
    inner = program(processor, frozenset() if distributed else variables)
    processor.close()
    if not distributed:
        for name in _DISTRIBUTED_ONLY:
            if fields.has(name):
                raise fields.refuse(f"the field '{name}' needs a distributed Map")
    if fields.has("Items") and fields.has("ItemReader"):
        raise fields.refuse("'Items' and 'ItemReader' exclude each other")
    return MapFields(
        processor=inner,
        distributed=distributed,
        items=_items(fields),
        selector=fields.template("ItemSelector"),
        reader=_reader(fields),
        batcher=_batcher(fields),
        writer=_writer(fields),
        concurrency=fields.numeric("MaxConcurrency", least=0, most=_MAX_ITEMS),
        tolerated_percentage=fields.numeric("ToleratedFailurePercentage", least=0, most=100, whole=False),
        tolerated_count=fields.numeric("ToleratedFailureCount", least=0, most=_MAX_ITEMS),
        label=_label(fields),
    )


def _mode(processor: Fields) -> bool:
    """Whether the processor is distributed; children are STANDARD only."""
    if not processor.has("ProcessorConfig"):
        return False
    config = Fields(processor.take("ProcessorConfig"), f"{processor.where}, ProcessorConfig", comment=False)
    mode = config.optional_text("Mode") or "INLINE"
    if mode not in {"INLINE", "DISTRIBUTED"}:
        raise config.refuse(f"Mode '{mode}' is neither INLINE nor DISTRIBUTED")
    if mode == "DISTRIBUTED":
        execution = config.text("ExecutionType")
        if execution != "STANDARD":
            raise config.refuse(f"ExecutionType '{execution}' is not supported, only STANDARD")
    config.close()
    return mode == "DISTRIBUTED"


def _items(fields: Fields) -> Template | None:
    if fields.has("Items") and not isinstance(fields.peek("Items"), str | list):
        raise fields.refuse("'Items' must be an array or a JSONata expression")
    return fields.template("Items")


def _s3_arguments(fields: Fields, known: Iterable[str], required: Iterable[str]) -> Template:
    value = fields.peek("Arguments")
    if isinstance(value, dict):
        for name in value:
            if name not in known:
                raise fields.refuse(f"the argument '{name}' is unknown here")
        for name in required:
            if name not in value:
                raise fields.refuse(f"needs the argument '{name}'")
    arguments = fields.template("Arguments", prefix=f"{fields.where.rpartition(', ')[2]}/")
    if arguments is None:
        raise fields.refuse("needs 'Arguments'")
    return arguments


def _reader(fields: Fields) -> Reader | None:
    if not fields.has("ItemReader"):
        return None
    reader = Fields(fields.take("ItemReader"), f"{fields.where}, ItemReader", comment=False)
    resource = reader.text("Resource")
    if resource != READERS:
        raise reader.refuse(f"the Resource '{resource}' is not supported")
    config = Fields(reader.take("ReaderConfig"), f"{reader.where}, ReaderConfig", comment=False)
    kind = config.text("InputType")
    if kind not in {"JSON", "JSONL"}:
        raise config.refuse(f"InputType '{kind}' is not supported, only JSON and JSONL")
    max_items = config.numeric("MaxItems", least=1, most=_MAX_ITEMS)
    config.close()
    arguments = _s3_arguments(reader, ("Bucket", "Key", "VersionId"), ("Bucket", "Key"))
    reader.close()
    return Reader(lines=kind == "JSONL", arguments=arguments, max_items=max_items)


def _writer(fields: Fields) -> Template | None:
    if not fields.has("ResultWriter"):
        return None
    writer = Fields(fields.take("ResultWriter"), f"{fields.where}, ResultWriter", comment=False)
    resource = writer.text("Resource")
    if resource != WRITER:
        raise writer.refuse(f"the Resource '{resource}' is not supported")
    arguments = _s3_arguments(writer, ("Bucket", "Prefix"), ("Bucket",))
    writer.close()
    return arguments


def _batcher(fields: Fields) -> Batcher | None:
    if not fields.has("ItemBatcher"):
        return None
    batcher = Fields(fields.take("ItemBatcher"), f"{fields.where}, ItemBatcher", comment=False)
    max_items = batcher.numeric("MaxItemsPerBatch", least=1, most=_MAX_ITEMS)
    max_bytes = batcher.numeric("MaxInputBytesPerBatch", least=1, most=262_144)
    if max_items is None and max_bytes is None:
        raise batcher.refuse("needs 'MaxItemsPerBatch' or 'MaxInputBytesPerBatch'")
    batch_input = batcher.template("BatchInput", prefix="ItemBatcher/")
    batcher.close()
    return Batcher(max_items, max_bytes, batch_input)


def _label(fields: Fields) -> str:
    label = fields.optional_text("Label") or ""
    if len(label) > _MAX_LABEL or set(label) & _FORBIDDEN_IN_LABEL:
        raise fields.refuse(f"the Label '{label}' is too long or has a forbidden character")
    return label
