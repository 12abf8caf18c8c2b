"""What all commands share: Hydra, one clear line for each mistake, exit status 2."""

from __future__ import annotations

import difflib
import importlib.resources
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clustercnn.errors import ClusterCNNError, DataFileError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hydra.core.override_parser.types import Override

__all__ = ["Options", "run_command"]

# mappings whose keys the user invents: images by band
_OPEN = ("images", "scene.images")


class Options(dict[str, Any]):
    """A plain mapping whose values are attributes too: ``options.train.minutes``."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    @classmethod
    def of(cls, value: Any) -> Any:
        """The same value with all mappings in it as ``Options``."""
        if isinstance(value, dict):
            return cls({k: cls.of(v) for k, v in value.items()})
        return [cls.of(v) for v in value] if isinstance(value, list) else value


def run_command(
    config_name: str,
    function: Callable[..., object],
    *,
    check: Callable[[Options], object] | None = None,
) -> None:
    """Runs a command: composes ``conf/<config_name>.yaml`` with the command line's overrides and calls ``function``.

    A group option may also be a YAML file of the user (``survey=my_survey.yaml``; ``experiment=my_experiment.yaml``
    sets options of all groups), and ``images.<BAND>`` and ``scene.images.<BAND>`` take any band. A mistake on the
    command line, and every error of this package, prints one line on stderr and exits with status 2; Ctrl-C exits
    with 130.

    Args:
        config_name: of the command.
        function: called with the resolved configuration and, if it takes two arguments, the run folder.
        check: called with the configuration before the run folder is made; raises what is wrong with it.
    """
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig, OmegaConf

    folder = str(importlib.resources.files("clustercnn") / "conf")

    def task(config: DictConfig) -> None:
        run_folder = Path(HydraConfig.get().runtime.output_dir)
        options = Options.of(OmegaConf.to_container(config, resolve=True))
        arguments = (options, run_folder)[: len(inspect.signature(function).parameters)]
        _guard(lambda: function(*arguments))

    _guard(lambda: _check_command_line(folder, config_name, check))
    hydra.main(version_base="1.3", config_path=folder, config_name=config_name)(task)()


def _guard(call: Callable[[], object]) -> None:
    try:
        call()
    except ClusterCNNError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201  (this is the command line's voice)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        raise SystemExit(130) from None


def _check_command_line(folder: str, config_name: str, check: Callable[[Options], object] | None) -> None:
    """Finds what is wrong with ``sys.argv`` before Hydra does, and rewrites what Hydra would not understand."""
    from hydra import compose, initialize_config_dir
    from hydra._internal.utils import get_args_parser
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    given = get_args_parser().parse_args(sys.argv[1:])
    if given.config_dir or given.config_name or given.config_path or given.hydra_help:
        return  # another configuration than ours: Hydra judges it
    groups = {p.name: sorted(f.stem for f in p.glob("*.yaml")) for p in Path(folder).iterdir() if p.is_dir()}
    overrides = {text: _parse(_with_file_option(text, groups)) for text in given.overrides}
    texts = {text: override.input_line for text, override in overrides.items()}
    chosen = [o for o in overrides.values() if o.key_or_group in groups and not o.is_delete()]
    for override in chosen:
        _check_option(override, groups[override.key_or_group])
    try:
        with initialize_config_dir(folder, version_base="1.3"):
            base = compose(config_name, [_first(o) for o in chosen], return_hydra_config=True)
            plain = OmegaConf.to_container(base, resolve=False)
            others = [_first(o) for o in chosen if o.key_or_group != "experiment"]
            known = OmegaConf.to_container(compose(config_name, others), resolve=False)
            _check_experiment(plain, known)
            for text, override in overrides.items():
                if override.is_sweep_override() and not given.multirun:
                    raise InvalidInput(f"{text}: several values need --multirun (-m)")
                texts[text] = _checked(override, texts[text], groups, plain, known)
            whole = [_first(_parse(new)) for new in texts.values()]
            # the hydra node has values that exist only in a run
            final = OmegaConf.to_container(compose(config_name, whole), resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise InvalidInput(f"configuration: {_first_line(error)}") from error
    if check is not None:
        check(Options.of(final))
    sys.argv[1:] = [texts.get(argument, argument) for argument in sys.argv[1:]]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _parse(text: str) -> Override:
    """The override; a value that Hydra's grammar does not take, such as a path with an equals sign, is quoted."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    name, _, value = text.partition("=")
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    for attempt in (text, f"{name}='{quoted}'"):
        try:
            return OverridesParser.create().parse_override(attempt)
        except HydraException:
            if not value:
                break
    raise InvalidInput(f"{text}: not an option; write name=value")


def _first(override: Override) -> str:
    """The override as text, with the first of several values."""
    if not override.is_sweep_override():
        return override.input_line
    return f"{override.input_line.split('=')[0]}={next(iter(override.sweep_string_iterator()))}"


def _with_file_option(text: str, groups: dict[str, list[str]]) -> str:
    """``survey=path.yaml`` as the name of an option that holds the file's content; other texts as they are."""
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf
    from yaml import YAMLError

    group, _, value = text.partition("=")
    if group not in groups or not value.endswith((".yaml", ".yml")):
        return text
    path = Path(value).expanduser()
    try:
        node = OmegaConf.load(path)
    except (OSError, YAMLError) as error:
        raise DataFileError(f"{path}: cannot be read as a YAML file for {group} ({_first_line(error)})") from error
    name = f"{path.stem}_file"
    # an experiment sets options of all groups, as those of conf/ say by "# @package _global_", which loading drops
    ConfigStore.instance().store(
        group=group, name=name, node=node, package="_global_" if group == "experiment" else None
    )
    groups[group] = [*groups[group], name]
    return f"{group}={name}"


def _check_option(override: Override, options: list[str]) -> None:
    values = override.sweep_string_iterator() if override.is_sweep_override() else [override.value()]
    for value in values:
        if value not in options:
            known = ", ".join(options)
            raise InvalidInput(f"{override.key_or_group}={value}: no such option; {known} or a YAML file is allowed")


def _check_experiment(plain: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Raises if an experiment's file has a name at its top that is none without it; names below are the commands'."""
    for key in plain:
        if key not in known and key != "hydra":
            raise InvalidInput(f"experiment: {key}: no such option; {_near(str(key), [str(k) for k in known])}")


def _checked(
    override: Override, text: str, groups: dict[str, list[str]], plain: dict[str, Any], known: dict[str, Any]
) -> str:
    """The text of an override that Hydra will take; raises when the name is unknown or the value of the wrong kind.

    Names are those of ``plain``; kinds those of ``known``, the same without an experiment: what is null there may be
    null again, though the experiment gave it a number.
    """
    key = override.key_or_group
    if (
        key in groups
        or key.startswith("hydra/")
        or override.is_add()
        or override.is_force_add()
        or override.is_delete()
    ):
        return text
    if any(key.startswith(f"{name}.") and isinstance(_at(plain, name), dict) for name in _OPEN):
        return f"++{text}"
    if _at(plain, key) is _ABSENT:
        names = [name for name in _names(plain) if name.startswith("hydra.") == key.startswith("hydra.")]
        raise InvalidInput(f"{key}: no such option; {_near(key, list(dict.fromkeys([*names, *groups])))}")
    values = override.sweep_iterator() if override.is_sweep_override() else [override.value()]
    default = _at(known, key)
    for value in values:
        _check_kind(key, value, _at(plain, key) if default is _ABSENT else default)
    return text


_ABSENT = object()


def _at(plain: Any, key: str) -> Any:
    """The value at a dotted name, or ``_ABSENT``."""
    for part in key.split("."):
        if not isinstance(plain, dict) or part not in plain:
            return _ABSENT
        plain = plain[part]
    return plain


def _names(plain: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in plain.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _names(value, f"{prefix}{key}.")


def _near(key: str, names: list[str]) -> str:
    """Neighbours of an unknown name: by the whole name, or by its last part."""
    last = key.rsplit(".", 1)[-1]
    same = [name for name in names if name.rsplit(".", 1)[-1] == last]
    if same:
        return f"nearest: {', '.join(same[:3])}"
    near = difflib.get_close_matches(key, names, n=3, cutoff=0.5)
    if near:
        return f"nearest: {', '.join(near)}"
    return f"known: {', '.join(name for name in names if '.' not in name and name != 'hydra')}; see --cfg job"


def _check_kind(key: str, value: Any, default: Any) -> None:
    if value is None and key.startswith("hydra."):  # which has null of its own for "none"
        return
    if default is None or (isinstance(default, str) and ("${" in default or default == "???")):
        return
    if isinstance(default, bool):
        good, kind = isinstance(value, bool), "true or false"
    elif isinstance(default, int):
        good, kind = isinstance(value, int) and not isinstance(value, bool), "a whole number"
    elif isinstance(default, float):
        good, kind = isinstance(value, (int, float)) and not isinstance(value, bool), "a number"
    elif isinstance(default, list):
        good, kind = isinstance(value, list), "a list such as [1, 2]"
    elif isinstance(default, dict):
        good, kind = (
            isinstance(value, dict),
            f"a group; set one of {', '.join(f'{key}.{k}' for k in list(default)[:4])}",
        )
    else:
        good, kind = value is not None and not isinstance(value, (dict, list)), "a text"
    if not good:
        raise InvalidInput(f"{key}: {value!r} is not {kind}")
