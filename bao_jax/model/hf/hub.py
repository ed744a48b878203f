"""Where published weights are: a folder, or a repository of the Hub.

The one file but for `users/api.py` that touches a network.
"""

import pathlib
import re

_REPOSITORY = re.compile(r'[\w-][\w.-]*/[\w-][\w.-]*(@[\w./-]+)?')
_WANTED = ('*.safetensors', '*.safetensors.index.json', '*.json', '*.jinja')
_WANTED += ('merges.txt',)


def folder(name: str, field: str = 'weights') -> pathlib.Path:
  """Returns the folder of published weights; fetches what is not there yet.

  Args:
    name: a folder, or a repository of the Hugging Face Hub, `owner/model` or
      `owner/model@revision`. Fetched files are kept where `huggingface_hub`
      keeps them.
    field: of the config that names it, for errors.

  Raises:
    FileNotFoundError: there is no such folder, and it is no repository's name.
    ValueError: the package that fetches is not installed.
    ConnectionError: the repository could not be fetched.
  """
  path = pathlib.Path(name).expanduser()
  if path.is_dir():
    return path
  if not _REPOSITORY.fullmatch(name):
    raise FileNotFoundError(f'{field}: {name}: no such folder.')
  return pathlib.Path(_fetch(name, field))


def _fetch(name: str, field: str) -> str:
  try:
    import huggingface_hub
  except ModuleNotFoundError as error:
    raise ValueError(
        f'{field}: {name}: no such folder, and fetching it from the Hub needs'
        f' the package {error.name}; install the extra: pip install -c'
        " constraints.txt -e '.[hub]'"
    ) from None
  repository, _, revision = name.partition('@')
  try:
    return huggingface_hub.snapshot_download(
        repository, revision=revision or None, allow_patterns=list(_WANTED)
    )
  except Exception as error:  # Of several libraries, one below the other.
    said = str(error).strip().splitlines() or [type(error).__name__]
    raise ConnectionError(
        f'{field}: {name}: no such folder, and it could not be fetched from the'
        f' Hub ({said[0]}); give a folder that holds the weights.'
    ) from error
